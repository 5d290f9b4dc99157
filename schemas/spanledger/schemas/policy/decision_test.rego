package spanledger_test

import data.spanledger

settings := {
	"currency": "USD",
	"models": {"allowed": {"acme": ["gpt-4o-mini"]}},
	"approval": {"above": 1},
	"agents": {"call_cost_max": {"*": 0.1}},
}

called(model, cost) := {
	"call": {"tenant": "acme", "model": model, "agent": "writer"},
	"estimated_cost": cost, "currency": "USD", "approval": "", "budgets": [],
}

test_a_call_that_nobody_denies_is_allowed if {
	spanledger.decision == {"allow": true, "policy": "", "reason": ""} with input as called("gpt-4o-mini", 0.05)
		with data.spanledger_settings as settings
	spanledger.decision.allow with input as called("gpt-4o", 100)
}

test_the_first_denial_by_name_speaks if {
	spanledger.decision.policy == "agents.call_cost_max" with input as called("gpt-4o", 2)
		with data.spanledger_settings as settings
	spanledger.decision.policy == "models.allowed" with input as called("gpt-4o", 0.05)
		with data.spanledger_settings as settings
}

test_amounts_are_exact if {
	exact := object.union(settings, {"agents": {"call_cost_max": {"*": 0.100000000000000001}}})
	spanledger.decision.allow with input as called("gpt-4o-mini", 0.100000000000000001)
		with data.spanledger_settings as exact
	not spanledger.decision.allow with input as called("gpt-4o-mini", 0.100000000000000002)
		with data.spanledger_settings as exact
}
