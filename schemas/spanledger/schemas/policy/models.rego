# Which models a tenant may call. A tenant without a list may call every model.
#
#   spanledger_settings.models.allowed    {"acme": ["gpt-4o-mini", "claude-*"], "*": ["gpt-4o-mini"]}
#
# "*" is every tenant that is not named; a name may end in *.
package spanledger.models

allowed := object.get(object.get(data.spanledger_settings, "models", {}), "allowed", {})

tenant := object.get(input.call, "tenant", "")

model := object.get(input.call, "model", "")

list := object.get(allowed, tenant, object.get(allowed, "*", null))

denials contains {"policy": "models.allowed", "reason": reason} if {
	list != null
	not is_listed
	reason := sprintf("the model %s is not on the list of the tenant %s", [model, tenant])
}

is_listed if {
	some name in list
	glob.match(name, [], model)
}
