-- The views people and dashboards read. Ids are lowercase hex; `FINAL` makes a repeated row one row.

-- Events that stand: every kind but reversals, without those a reversal took back.
CREATE OR REPLACE VIEW open_events AS
SELECT
    e.* REPLACE (lower(hex(e.event_id)) AS event_id, lower(hex(e.charge_id)) AS charge_id)
    EXCEPT (reverses)
FROM ledger_events AS e FINAL
WHERE e.kind != 'reversal'
    AND e.event_id NOT IN (SELECT r.reverses FROM ledger_events AS r WHERE r.kind = 'reversal');

-- What charges say once their adjustments are added: a row for each charge that has any. Sums by currency leave out what
-- came to zero, so the currency a charge was taken back in is gone; lines that were taken back are still there, negative.
CREATE OR REPLACE VIEW adjusted_charges AS
SELECT
    o.tenant AS tenant,
    o.charge_id AS charge_id,
    countIf(o.cost IS NOT NULL) > 0 AS is_priced,
    sumMapIf(map(o.currency, assumeNotNull(o.cost)), o.cost IS NOT NULL) AS costs,
    countIf(o.revenue IS NOT NULL) > 0 AS is_sold,
    sumMapIf(map(o.revenue_currency, assumeNotNull(o.revenue)), o.revenue IS NOT NULL) AS revenues,
    countIf(o.reporting_cost IS NOT NULL) > 0 AS is_reported,
    sumMapIf(map(o.reporting_currency, assumeNotNull(o.reporting_cost)), o.reporting_cost IS NOT NULL) AS reportings,
    argMaxIf(
        tuple(
            o.currency, o.price_book, o.price_id, o.revenue_currency, o.reporting_currency, o.fx_rate, o.fx_source
        ),
        (o.ingest_time, o.event_id),
        o.kind = 'adjustment'
    ) AS latest,
    groupArrayArray(arrayZip(`lines.unit`, `lines.quantity`, `lines.unit_price`, `lines.amount`)) AS lines
FROM open_events AS o
WHERE o.kind IN ('charge', 'adjustment')
    AND (o.tenant, o.charge_id) IN (SELECT x.tenant, lower(hex(x.charge_id)) FROM ledger_events AS x WHERE x.kind = 'adjustment')
GROUP BY tenant, charge_id
HAVING countIf(o.kind = 'charge') = 1 AND countIf(o.kind = 'adjustment') > 0;

-- One row per open charge, with its adjustments counted in.
CREATE OR REPLACE VIEW charges AS
SELECT
    c.* EXCEPT (kind) REPLACE (
        if(a.charge_id = '', c.cost, if(a.is_priced, mapValues(a.costs)[1], NULL)) AS cost,
        if(a.charge_id = '', c.currency, if(empty(a.costs), a.latest.1, mapKeys(a.costs)[1])) AS currency,
        if(a.charge_id = '' OR NOT a.is_priced, c.cost_state, 'priced') AS cost_state,
        if(a.charge_id = '', c.price_book, a.latest.2) AS price_book,
        if(a.charge_id = '', c.price_id, a.latest.3) AS price_id,
        if(a.charge_id = '', c.revenue, if(a.is_sold, mapValues(a.revenues)[1], NULL)) AS revenue,
        if(a.charge_id = '', c.revenue_currency, if(empty(a.revenues), a.latest.4, mapKeys(a.revenues)[1]))
            AS revenue_currency,
        if(a.charge_id = '', c.reporting_cost, if(a.is_reported, mapValues(a.reportings)[1], NULL)) AS reporting_cost,
        if(a.charge_id = '', c.reporting_currency, if(empty(a.reportings), a.latest.5, mapKeys(a.reportings)[1]))
            AS reporting_currency,
        if(a.charge_id = '', c.fx_rate, a.latest.6) AS fx_rate,
        if(a.charge_id = '', c.fx_source, a.latest.7) AS fx_source,
        if(a.charge_id = '', c.`lines.unit`, arrayMap(line -> line.1, a.lines)) AS `lines.unit`,
        if(a.charge_id = '', c.`lines.quantity`, arrayMap(line -> line.2, a.lines)) AS `lines.quantity`,
        if(a.charge_id = '', c.`lines.unit_price`, arrayMap(line -> line.3, a.lines)) AS `lines.unit_price`,
        if(a.charge_id = '', c.`lines.amount`, arrayMap(line -> line.4, a.lines)) AS `lines.amount`
    )
FROM open_events AS c
LEFT ANY JOIN adjusted_charges AS a ON c.tenant = a.tenant AND c.charge_id = a.charge_id
WHERE c.kind = 'charge';

-- Tries that state no usage.
CREATE OR REPLACE VIEW attempts AS
SELECT * EXCEPT (kind) FROM open_events WHERE kind = 'attempt';

-- Calls that a budget or a policy did not let go: nothing was sent, and nothing is charged.
CREATE OR REPLACE VIEW denials AS
SELECT
    d.* EXCEPT (kind),
    d.metadata['denied_by'] AS denied_by,
    d.metadata['denial_reason'] AS denial_reason
FROM open_events AS d
WHERE d.kind = 'denial';

-- One row per priced line of an open charge. An adjusted charge also has the lines it was booked with, and the same
-- negative: quantities and amounts add up.
CREATE OR REPLACE VIEW charge_lines AS
SELECT
    event_id, charge_id, event_time, booked_time, tenant, environment, service_name, user_id, session_id,
    organization_id, feature, team, project, cost_center, agent, provider, model, operation, price_book,
    price_id, line, unit, quantity, unit_price, amount, currency
FROM charges
ARRAY JOIN
    arrayEnumerate(`lines.unit`) AS line,
    `lines.unit` AS unit,
    `lines.quantity` AS quantity,
    `lines.unit_price` AS unit_price,
    `lines.amount` AS amount;

-- Charges and their reversals that had no price when they were booked and got one by an adjustment since.
CREATE OR REPLACE VIEW priced_later AS
SELECT u.tenant AS tenant, u.event_id AS event_id
FROM ledger_events AS u
WHERE u.cost_state != 'priced'
    AND u.kind IN ('charge', 'reversal')
    AND (u.tenant, u.charge_id) IN (
        SELECT a.tenant, a.charge_id FROM ledger_events AS a
        WHERE a.kind = 'adjustment' AND a.cost IS NOT NULL
            AND a.event_id NOT IN (SELECT r.reverses FROM ledger_events AS r WHERE r.kind = 'reversal')
    );

-- Open charges that no price book could price and no later adjustment has. FINAL reads only the keys listed first.
CREATE OR REPLACE VIEW unpriced AS
SELECT
    e.* REPLACE (lower(hex(e.event_id)) AS event_id, lower(hex(e.charge_id)) AS charge_id)
    EXCEPT (kind, reverses)
FROM ledger_events AS e FINAL
WHERE (e.tenant, e.event_id) IN (SELECT u.tenant, u.event_id FROM ledger_events AS u WHERE u.cost_state = 'unpriced')
    AND e.kind = 'charge'
    AND e.event_id NOT IN (SELECT r.reverses FROM ledger_events AS r WHERE r.kind = 'reversal')
    AND e.event_id NOT IN (SELECT p.event_id FROM priced_later AS p);

-- What senders say that calls cost, beside what they cost here: by who told of them, provider and model. Only charges
-- whose sender states a cost; senders state dollars, so the difference (ours less theirs) is of charges in dollars.
-- The embedded engine cannot subtract decimals; it can add a negative one.
CREATE OR REPLACE VIEW reported_costs AS
SELECT
    c.dialect AS dialect,
    c.provider AS provider,
    c.model AS model,
    c.currency AS currency,
    sum(c.requests) AS requests,
    sumIf(c.requests, c.cost IS NULL) AS unpriced_requests,
    sum(c.reported_cost) AS reported_cost,
    sum(c.cost) AS cost,
    if(
        c.currency = 'USD',
        sumOrNullIf(
            arraySum([assumeNotNull(c.cost), negate(assumeNotNull(c.reported_cost))]), c.cost IS NOT NULL
        ),
        NULL
    ) AS difference
FROM charges AS c
WHERE c.reported_cost IS NOT NULL
GROUP BY dialect, provider, model, currency;

-- What calls cost and what they are sold for, side by side; the margin where both are in one currency and known.
-- Calls without a sell price are rows of their own, with an empty revenue_currency.
CREATE OR REPLACE VIEW margins AS
SELECT
    c.tenant AS tenant,
    c.provider AS provider,
    c.model AS model,
    c.currency AS currency,
    c.revenue_currency AS revenue_currency,
    sum(c.requests) AS requests,
    sum(c.cost) AS cost,
    sum(c.revenue) AS revenue,
    if(
        c.currency = c.revenue_currency,
        sumOrNullIf(
            arraySum([assumeNotNull(c.revenue), negate(assumeNotNull(c.cost))]),
            c.cost IS NOT NULL AND c.revenue IS NOT NULL
        ),
        NULL
    ) AS margin
FROM charges AS c
GROUP BY tenant, provider, model, currency, revenue_currency;

-- What each usage span said, and the charge and rule it settled into. Fields the claim left out show their default.
CREATE OR REPLACE VIEW claims AS
SELECT
    lower(hex(c.claim_id)) AS claim_id,
    lower(hex(c.charge_id)) AS charge_id,
    c.rule AS rule,
    c.scope AS scope,
    c.tenant AS tenant,
    c.claim_time AS claim_time,
    c.received_at AS received_at,
    c.settled_at AS settled_at,
    JSONExtractString(payload, 'signal') AS signal,
    c.trace_id AS trace_id,
    JSONExtractString(payload, 'span_id') AS span_id,
    JSONExtractString(payload, 'parent_span_id') AS parent_span_id,
    fromUnixTimestamp64Nano(JSONExtractInt(payload, 'start_ns'), 'UTC') AS start_time,
    fromUnixTimestamp64Nano(JSONExtractInt(payload, 'end_ns'), 'UTC') AS end_time,
    JSONExtractString(payload, 'call', 'role') AS role,
    JSONExtractString(payload, 'call', 'dialect') AS dialect,
    JSONExtractString(payload, 'call', 'emitter') AS emitter,
    JSONExtractString(payload, 'call', 'operation') AS operation,
    JSONExtractString(payload, 'call', 'provider') AS provider,
    JSONExtractString(payload, 'call', 'request_model') AS request_model,
    JSONExtractString(payload, 'call', 'response_model') AS response_model,
    c.response_id AS response_id,
    JSONExtract(payload, 'usage', 'Map(String, Int64)') AS usage,
    JSONExtractString(payload, 'usage_source') AS usage_source,
    JSONExtractString(payload, 'inclusivity') AS inclusivity,
    JSONExtractString(payload, 'reported_cost') AS reported_cost,
    JSONExtractString(payload, 'reported_currency') AS reported_currency,
    JSONExtractString(payload, 'call', 'region') AS region,
    JSONExtractString(payload, 'call', 'account') AS account,
    JSONExtractString(payload, 'call', 'service_tier') AS service_tier,
    if(JSONHas(payload, 'status'), JSONExtractString(payload, 'status'), 'ok') AS status,
    JSONExtractString(payload, 'error_type') AS error_type,
    JSONExtractInt(payload, 'attempt') AS attempt,
    JSONExtract(payload, 'time_to_first_token_ns', 'Nullable(Int64)') AS time_to_first_token_ns,
    JSONExtractString(payload, 'attribution', 'tenant') AS stated_tenant,
    JSONExtractString(payload, 'attribution', 'environment') AS environment,
    c.service_name AS service_name,
    JSONExtractString(payload, 'attribution', 'service_instance') AS service_instance,
    JSONExtractString(payload, 'attribution', 'user_id') AS user_id,
    JSONExtractString(payload, 'attribution', 'session_id') AS session_id,
    JSONExtractString(payload, 'attribution', 'organization_id') AS organization_id,
    JSONExtractString(payload, 'attribution', 'feature') AS feature,
    JSONExtractString(payload, 'attribution', 'team') AS team,
    JSONExtractString(payload, 'attribution', 'project') AS project,
    JSONExtractString(payload, 'attribution', 'cost_center') AS cost_center,
    JSONExtractString(payload, 'attribution', 'agent') AS agent,
    JSONExtract(payload, 'attribution', 'agent_path', 'Array(String)') AS agent_path,
    JSONExtractString(payload, 'attribution', 'workflow_id') AS workflow_id,
    JSONExtractString(payload, 'attribution', 'conversation_id') AS conversation_id,
    JSONExtract(payload, 'attribution', 'tools', 'Array(String)') AS tools,
    JSONExtract(payload, 'attribution', 'metadata', 'Map(String, String)') AS metadata,
    JSONExtract(payload, 'flags', 'Array(String)') AS flags
FROM ledger_claims AS c FINAL;

-- Sums per day of the reporting zone, straight from the events: always right, and as slow as the days are full.
-- What has no cost has no currency yet. `uncosted_requests` are the unpriced ones and those whose usage nobody knows.
CREATE OR REPLACE VIEW live_daily_costs AS
SELECT
    toDate32(e.booked_time, '{zone}') AS day,
    e.tenant AS tenant,
    e.environment AS environment,
    e.team AS team,
    e.project AS project,
    e.cost_center AS cost_center,
    e.provider AS provider,
    e.model AS model,
    if(isNull(e.cost), '', e.currency) AS currency,
    sum(e.requests) AS requests,
    sum(e.input_tokens) AS input_tokens,
    sum(e.cache_read_tokens) AS cache_read_tokens,
    sum(e.cache_write_tokens) AS cache_write_tokens,
    sum(e.output_tokens) AS output_tokens,
    sum(e.reasoning_tokens) AS reasoning_tokens,
    sum(e.cost) AS cost,
    sumIf(
        e.requests,
        e.cost_state = 'unpriced' AND (e.tenant, e.event_id) NOT IN (SELECT p.tenant, p.event_id FROM priced_later AS p)
    ) AS unpriced_requests,
    sumIf(e.requests, e.usage_source = 'estimated') AS estimated_requests,
    sumIf(e.requests, e.usage_source = 'missing') AS missing_requests,
    sumIf(e.requests, e.quality = 'probable') AS probable_requests,
    sumIf(e.requests, e.status = 'error') AS error_requests,
    sum(e.requests * e.duration_ms) AS duration_ms,
    sumIf(
        e.requests,
        e.cost_state != 'priced' AND (e.tenant, e.event_id) NOT IN (SELECT p.tenant, p.event_id FROM priced_later AS p)
    ) AS uncosted_requests,
    toInt64(countIf(
        e.kind = 'attempt' AND e.event_id NOT IN (SELECT r.reverses FROM ledger_events AS r WHERE r.kind = 'reversal')
    )) AS attempts,
    toInt64(countIf(
        e.kind = 'attempt' AND e.status = 'error'
        AND e.event_id NOT IN (SELECT r.reverses FROM ledger_events AS r WHERE r.kind = 'reversal')
    )) AS error_attempts
FROM ledger_events AS e FINAL
-- What was never sent would make a row of its own, and a sum of nothing out of an unknown one.
WHERE e.kind != 'denial'
GROUP BY day, tenant, environment, team, project, cost_center, provider, model, currency;

-- The same sums, recomputed beforehand for clean days and live for dirty ones. `duration_ms` is the requests' total.
CREATE OR REPLACE VIEW daily_costs AS
SELECT * FROM ledger_daily WHERE day NOT IN (SELECT d.day FROM ledger_dirty_days AS d FINAL WHERE d.cleaned = 0)
UNION ALL
SELECT * FROM live_daily_costs WHERE day IN (SELECT d.day FROM ledger_dirty_days AS d FINAL WHERE d.cleaned = 0);

-- What was used and what it cost, by UTC hour and unit, straight from the events. A call without lines, whose usage
-- nobody stated, is in the row of the empty unit; `requests` counts a call once for each unit it used.
CREATE OR REPLACE VIEW live_hourly_costs AS
SELECT
    toDate32(e.booked_time, '{zone}') AS day,
    toDateTime64(intDiv(toUnixTimestamp64Nano(e.booked_time), 3600000000000) * 3600, 0, 'UTC') AS hour,
    e.tenant AS tenant,
    e.provider AS provider,
    e.model AS model,
    used_unit AS unit,
    e.currency AS currency,
    sumIf(e.requests, nth <= 1) AS requests,
    sum(if(nth = 0, NULL, used)) AS quantity,
    sumIf(used, amount IS NULL) AS unpriced_quantity,
    sum(amount) AS cost
FROM ledger_events AS e FINAL
LEFT ARRAY JOIN
    arrayEnumerateUniq(e.`lines.unit`) AS nth,
    e.`lines.unit` AS used_unit,
    e.`lines.quantity` AS used,
    e.`lines.amount` AS amount
WHERE e.requests != 0 OR notEmpty(e.`lines.unit`)
GROUP BY day, hour, tenant, provider, model, unit, currency;

-- The same sums, recomputed beforehand for clean days and live for dirty ones.
CREATE OR REPLACE VIEW hourly_costs AS
SELECT * FROM ledger_hourly WHERE day NOT IN (SELECT d.day FROM ledger_dirty_days AS d FINAL WHERE d.cleaned = 0)
UNION ALL
SELECT * FROM live_hourly_costs WHERE day IN (SELECT d.day FROM ledger_dirty_days AS d FINAL WHERE d.cleaned = 0);

-- A predecessor's names and columns, so that its SQL runs. `cost_usd` is a float, because the embedded engine cannot
-- divide or multiply sums of decimals; `cost` beside it is exact, and so is every `total_cost`. Money in another currency
-- than dollars is NULL here. What was never kept (previews, error messages) is NULL.
CREATE OR REPLACE VIEW token_ledger_events AS
SELECT
    event_id,
    trace_id,
    span_id,
    parent_span_id,
    event_time AS timestamp,
    duration_ms,
    provider,
    model,
    input_tokens,
    output_tokens,
    input_tokens + output_tokens AS total_tokens,
    cache_read_tokens AS cached_tokens,
    toFloat64(if(currency = 'USD', cost, NULL)) AS cost_usd,
    if(currency = 'USD', cost, NULL) AS cost,
    nullIf(metadata['endpoint'], '') AS endpoint,
    multiIf(operation = 'embeddings', 'embedding', operation = 'text_completion', 'completion', operation) AS request_type,
    nullIf(user_id, '') AS user_id,
    nullIf(session_id, '') AS session_id,
    nullIf(organization_id, '') AS organization_id,
    nullIf(service_name, '') AS app_name,
    nullIf(environment, '') AS environment,
    if(status = 'error', 'error', 'success') AS status,
    nullIf(error_type, '') AS error_type,
    CAST(NULL, 'Nullable(String)') AS error_message,
    CAST(NULL, 'Nullable(String)') AS request_preview,
    CAST(NULL, 'Nullable(String)') AS response_preview,
    nullIf(feature, '') AS feature,
    nullIf(metadata['page'], '') AS page,
    nullIf(metadata['component'], '') AS component,
    nullIf(team, '') AS team,
    nullIf(project, '') AS project,
    nullIf(cost_center, '') AS cost_center,
    toJSONString(metadata) AS metadata_extra,
    tenant
FROM (SELECT * FROM charges UNION ALL SELECT * FROM attempts);

-- As theirs did, a request is an answer or a try that failed. The mean latency is of answers.
CREATE OR REPLACE VIEW token_ledger_daily_costs AS
SELECT
    d.day AS date,
    d.provider AS provider,
    d.model AS model,
    sum(d.requests) + sum(d.attempts) AS request_count,
    sum(d.input_tokens) AS total_input_tokens,
    sum(d.output_tokens) AS total_output_tokens,
    total_input_tokens + total_output_tokens AS total_tokens,
    sumIf(d.cost, d.currency = 'USD') AS total_cost,
    if(sum(d.requests) = 0, NULL, sum(d.duration_ms) / sum(d.requests)) AS avg_latency_ms
FROM daily_costs AS d
GROUP BY date, provider, model;

CREATE OR REPLACE VIEW token_ledger_user_costs AS
SELECT
    coalesce(e.user_id, 'anonymous') AS user_id,
    count() AS request_count,
    sum(e.total_tokens) AS total_tokens,
    sum(e.cost) AS total_cost,
    min(e.timestamp) AS first_request,
    max(e.timestamp) AS last_request
FROM token_ledger_events AS e
GROUP BY user_id;

CREATE OR REPLACE VIEW token_ledger_team_costs AS
SELECT
    if(d.team = '', 'unassigned', d.team) AS team,
    d.day AS date,
    sum(d.requests) + sum(d.attempts) AS request_count,
    sum(d.input_tokens) + sum(d.output_tokens) AS total_tokens,
    sumIf(d.cost, d.currency = 'USD') AS total_cost,
    if(sum(d.requests) = 0, NULL, sum(d.duration_ms) / sum(d.requests)) AS avg_latency_ms
FROM daily_costs AS d
GROUP BY team, date;

CREATE OR REPLACE VIEW token_ledger_feature_costs AS
SELECT
    coalesce(e.feature, 'unassigned') AS feature,
    toDate32(e.timestamp, '{zone}') AS date,
    count() AS request_count,
    sum(e.total_tokens) AS total_tokens,
    sum(e.cost) AS total_cost,
    avg(e.duration_ms) AS avg_latency_ms
FROM token_ledger_events AS e
GROUP BY feature, date;

CREATE OR REPLACE VIEW token_ledger_cost_center_costs AS
SELECT
    if(d.cost_center = '', 'unassigned', d.cost_center) AS cost_center,
    d.day AS date,
    sum(d.requests) + sum(d.attempts) AS request_count,
    sum(d.input_tokens) + sum(d.output_tokens) AS total_tokens,
    sumIf(d.cost, d.currency = 'USD') AS total_cost
FROM daily_costs AS d
GROUP BY cost_center, date;

-- Providers and models compared, tries that state no usage among the errors. Rates and quantiles are for reading: exact
-- money is in `charges`. A token's price is of the charges that have both; calls whose time nobody measured have none.
CREATE OR REPLACE VIEW benchmarks AS
SELECT
    e.provider AS provider,
    e.model AS model,
    if(e.cost IS NULL, '', e.currency) AS currency,
    sum(e.requests) AS requests,
    countIf(e.status = 'error') AS errors,
    1 - errors / count() AS success_rate,
    sum(e.cost) AS cost,
    toFloat64(sumIf(e.cost, e.input_tokens + e.output_tokens > 0)) * 1000000
        / nullIf(sumIf(e.input_tokens + e.output_tokens, e.cost IS NOT NULL), 0) AS cost_per_million_tokens,
    sum(e.output_tokens) / nullIf(sum(e.input_tokens), 0) AS output_per_input,
    quantilesExactOrNullIf(0.5, 0.95)(e.duration_ms, e.duration_ms > 0 AND e.requests > 0) AS duration_ms_p50_p95,
    quantilesExactOrNull(0.5, 0.95)(e.time_to_first_token_ms) AS time_to_first_token_ms_p50_p95
FROM (SELECT * FROM charges UNION ALL SELECT * FROM attempts) AS e
GROUP BY provider, model, currency;

-- Users by what they cost, the dearest first; two currencies are two rows.
CREATE OR REPLACE VIEW leaderboard AS
SELECT
    c.tenant AS tenant,
    c.user_id AS user_id,
    if(c.cost IS NULL, '', c.currency) AS currency,
    sum(c.requests) AS requests,
    sum(c.input_tokens) AS input_tokens,
    sum(c.output_tokens) AS output_tokens,
    sum(c.cost) AS cost
FROM charges AS c
GROUP BY tenant, user_id, currency
ORDER BY cost DESC NULLS LAST, requests DESC;

-- Each day of the reporting zone, by tenant and currency, the latest first.
CREATE OR REPLACE VIEW daily_trend AS
SELECT
    d.day AS day,
    d.tenant AS tenant,
    d.currency AS currency,
    sum(d.requests) AS requests,
    sum(d.input_tokens) AS input_tokens,
    sum(d.output_tokens) AS output_tokens,
    sum(d.cost) AS cost,
    sum(d.unpriced_requests) AS unpriced_requests,
    sum(d.error_requests) AS error_requests
FROM daily_costs AS d
GROUP BY day, tenant, currency
ORDER BY day DESC, tenant, currency;

-- Charges that nobody was named for: charged to nobody, shown here, never dropped.
CREATE OR REPLACE VIEW unattributed AS
SELECT *
FROM charges
WHERE tenant = 'unattributed';

-- What could not be booked, and what became of it. What is `replayed` is in the ledger; `open` and `discarded` together
-- are the quarantine's part of the balance. `failure` is why the last replay failed, `why` why it was discarded.
CREATE OR REPLACE VIEW quarantine AS
SELECT
    lower(hex(q.quarantine_id)) AS quarantine_id,
    multiIf(d.replayed > 0, 'replayed', d.discarded > 0, 'discarded', 'open') AS state,
    q.received_at AS received_at,
    q.tenant AS tenant,
    q.scope AS scope,
    q.default_tenant AS default_tenant,
    q.signal AS signal,
    q.reason AS reason,
    q.trace_id AS trace_id,
    q.span_id AS span_id,
    q.elements AS elements,
    if(d.decisions = 0, NULL, d.latest) AS decided_at,
    d.failure AS failure,
    d.why AS why,
    q.shard AS shard,
    q.seq AS seq,
    lower(hex(q.payload)) AS payload
FROM ledger_quarantine AS q FINAL
LEFT JOIN (
    SELECT
        quarantine_id,
        count() AS decisions,
        countIf(decision = 'replayed') AS replayed,
        countIf(decision = 'discarded') AS discarded,
        max(decided_at) AS latest,
        argMaxIf(reason, decided_at, decision = 'failed') AS failure,
        argMaxIf(reason, decided_at, decision = 'discarded') AS why
    FROM ledger_quarantine_decisions FINAL
    GROUP BY quarantine_id
) AS d ON d.quarantine_id = q.quarantine_id;
