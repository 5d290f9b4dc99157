# A person approves what is dear: a call that may cost more than a threshold states who or what approved it
# (`ledger.approval`, in Python `attribution(approval="CHG-12")`).
#
#   spanledger_settings.approval.above       1.00         of spanledger_settings.currency
#   spanledger_settings.approval.accepted    "^CHG-\\d+$"   what an approval looks like; anything, if it is not set
package spanledger.approval

settings := object.get(data.spanledger_settings, "approval", {})

threshold := settings.above

approval := object.get(input, "approval", "")

denials contains {"policy": "approval.above", "reason": reason} if {
	is_dear
	approval == ""
	reason := sprintf("a call that may cost more than %v %s needs somebody's approval", [threshold, data.spanledger_settings.currency])
}

denials contains {"policy": "approval.accepted", "reason": reason} if {
	is_dear
	approval != ""
	not regex.match(settings.accepted, approval)
	settings.accepted
	reason := "its approval is none that is accepted"
}

is_dear if {
	input.estimated_cost > threshold
	input.currency == data.spanledger_settings.currency
}

# What nobody can price may cost anything.
is_dear if {
	threshold
	input.estimated_cost == null
}

is_dear if {
	threshold
	input.currency != data.spanledger_settings.currency
}
