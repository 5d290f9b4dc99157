# Caps for agents: what one call of an agent may cost at most, and how much of a budget agents leave to people.
#
#   spanledger_settings.agents.call_cost_max     {"researcher": 0.5, "*": 0.1}    "*" is every agent that is not named
#   spanledger_settings.agents.budget_percent    80     agents stop there; whoever is no agent goes on to the limit
#   spanledger_settings.currency                 "USD"  of every amount of these settings
package spanledger.agents

settings := object.get(data.spanledger_settings, "agents", {})

agent := object.get(input.call, "agent", "")

caps := object.get(settings, "call_cost_max", {})

cap := object.get(caps, agent, object.get(caps, "*", null)) if agent != ""

denials contains denial("agents.call_cost_max", reason) if {
	cap != null
	input.estimated_cost != null
	input.currency == data.spanledger_settings.currency
	input.estimated_cost > cap
	reason := sprintf("a call of the agent %s may cost %v %s, this one %v", [agent, cap, input.currency, input.estimated_cost])
}

# Unknown is not zero.
denials contains denial("agents.call_cost_max", reason) if {
	cap != null
	not comparable
	reason := sprintf("a call of the agent %s may cost %v, and nobody knows what this one costs", [agent, cap])
}

denials contains denial("agents.budget_percent", reason) if {
	agent != ""
	percent := settings.budget_percent
	some budget in input.budgets
	(budget.spent + budget.held) * 100 >= budget.limit * percent
	reason := sprintf("agents leave the rest of the budget %s to people, from %v %% on", [budget.name, percent])
}

comparable if {
	input.estimated_cost != null
	input.currency == data.spanledger_settings.currency
}

denial(policy, reason) := {"policy": policy, "reason": reason}
