# What spanledger asks before a call: `POST /v1/data/spanledger/decision` with what is known of it as `input`
# (docs/policy.md). A call is allowed unless one of the policies beside this one denies it; add your own there.
package spanledger

# The first by its name speaks, so the same call is always told the same.
decision := {"allow": false, "policy": first.policy, "reason": first.reason} if {
	first := sort(denials)[0]
} else := {"allow": true, "policy": "", "reason": ""}

denials contains denial if some denial in data.spanledger.agents.denials

denials contains denial if some denial in data.spanledger.approval.denials

denials contains denial if some denial in data.spanledger.models.denials
