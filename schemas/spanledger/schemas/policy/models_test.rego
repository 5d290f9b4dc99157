package spanledger.models_test

import data.spanledger.models

settings := {"models": {"allowed": {"acme": ["gpt-4o-mini", "claude-*"]}}}

called(tenant, model) := {"call": {"tenant": tenant, "model": model}, "budgets": []}

test_what_is_on_the_list_may_be_called if {
	count(models.denials) == 0 with input as called("acme", "gpt-4o-mini") with data.spanledger_settings as settings
	count(models.denials) == 0 with input as called("acme", "claude-sonnet-5") with data.spanledger_settings as settings
}

test_what_is_not_on_the_list_is_denied_by_name if {
	models.denials == {{
		"policy": "models.allowed",
		"reason": "the model gpt-4o is not on the list of the tenant acme",
	}} with input as called("acme", "gpt-4o") with data.spanledger_settings as settings
}

test_a_call_that_names_no_model_is_on_no_list if {
	count(models.denials) == 1 with input as {"call": {"tenant": "acme"}} with data.spanledger_settings as settings
}

test_who_has_no_list_may_call_every_model if {
	count(models.denials) == 0 with input as called("globex", "gpt-4o") with data.spanledger_settings as settings
}

test_a_star_is_every_other_tenant if {
	starred := {"models": {"allowed": {"*": ["gpt-4o-mini"], "acme": ["gpt-4o"]}}}
	count(models.denials) == 1 with input as called("globex", "gpt-4o") with data.spanledger_settings as starred
	count(models.denials) == 0 with input as called("acme", "gpt-4o") with data.spanledger_settings as starred
}

test_without_settings_nobody_is_denied if {
	count(models.denials) == 0 with input as called("acme", "gpt-4o")
}
