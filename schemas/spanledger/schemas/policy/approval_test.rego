package spanledger.approval_test

import data.spanledger.approval

settings := {"currency": "USD", "approval": {"above": 1, "accepted": "^CHG-\\d+$"}}

called(cost, given) := {"call": {}, "estimated_cost": cost, "currency": "USD", "approval": given, "budgets": []}

names(found) := {denial.policy | some denial in found}

test_what_is_cheap_needs_nobody if {
	count(approval.denials) == 0 with input as called(1, "") with data.spanledger_settings as settings
}

test_what_is_dear_needs_an_approval if {
	names(approval.denials) == {"approval.above"} with input as called(1.01, "") with data.spanledger_settings as settings
	count(approval.denials) == 0 with input as called(1.01, "CHG-12") with data.spanledger_settings as settings
}

test_an_approval_looks_like_one if {
	names(approval.denials) == {"approval.accepted"} with input as called(2, "please")
		with data.spanledger_settings as settings
}

test_any_approval_will_do_where_none_is_described if {
	plain := {"currency": "USD", "approval": {"above": 1}}
	count(approval.denials) == 0 with input as called(2, "please") with data.spanledger_settings as plain
}

test_what_nobody_can_price_is_dear if {
	names(approval.denials) == {"approval.above"} with input as called(null, "") with data.spanledger_settings as settings
	names(approval.denials) == {"approval.above"} with input as object.union(called(0.1, ""), {"currency": "EUR"})
		with data.spanledger_settings as settings
}

test_without_settings_nobody_is_denied if {
	count(approval.denials) == 0 with input as called(100, "")
}
