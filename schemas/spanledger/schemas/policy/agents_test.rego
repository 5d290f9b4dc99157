package spanledger.agents_test

import data.spanledger.agents

settings := {"currency": "USD", "agents": {"call_cost_max": {"researcher": 0.5, "*": 0.1}, "budget_percent": 80}}

called(agent, cost) := {
	"call": {"tenant": "acme", "model": "gpt-4o", "agent": agent},
	"estimated_cost": cost, "currency": "USD", "approval": "", "budgets": [],
}

names(found) := {denial.policy | some denial in found}

test_an_agent_has_its_own_cap if {
	count(agents.denials) == 0 with input as called("researcher", 0.5) with data.spanledger_settings as settings
	names(agents.denials) == {"agents.call_cost_max"} with input as called("researcher", 0.51)
		with data.spanledger_settings as settings
}

test_an_agent_that_is_not_named_has_the_cap_of_all if {
	names(agents.denials) == {"agents.call_cost_max"} with input as called("writer", 0.2)
		with data.spanledger_settings as settings
}

test_who_is_no_agent_has_no_cap if {
	count(agents.denials) == 0 with input as called("", 100) with data.spanledger_settings as settings
}

test_an_unknown_cost_is_not_zero if {
	names(agents.denials) == {"agents.call_cost_max"} with input as called("writer", null)
		with data.spanledger_settings as settings
}

test_another_currency_is_not_compared if {
	names(agents.denials) == {"agents.call_cost_max"}
		with input as object.union(called("writer", 0.01), {"currency": "EUR"})
		with data.spanledger_settings as settings
}

budget(spent, held) := {"name": "team-day", "limit": 5, "spent": spent, "held": held, "currency": "USD"}

test_agents_stop_before_people_do if {
	state := {"budgets": [budget(3.5, 0.5)]}
	names(agents.denials) == {"agents.budget_percent"} with input as object.union(called("writer", 0.01), state)
		with data.spanledger_settings as settings
	count(agents.denials) == 0 with input as object.union(called("", 0.01), state)
		with data.spanledger_settings as settings
	count(agents.denials) == 0 with input as object.union(called("writer", 0.01), {"budgets": [budget(3.5, 0.4)]})
		with data.spanledger_settings as settings
}

test_without_settings_nobody_is_denied if {
	count(agents.denials) == 0 with input as called("writer", 100)
}
