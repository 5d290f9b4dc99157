-- Sums per day by feature and agent, kept beside ledger_daily and by the same marks.

-- First of all every day that has events is dirty: its new sums do not exist yet, and a day without marks is believed.
-- A day of any zone is within one of UTC's. The marks are new ones each time: a refresh may have taken back those of a
-- migration that was cut off.
INSERT INTO ledger_dirty_days (day, mark)
SELECT day, randomFixedString(16)
FROM (
    SELECT DISTINCT arrayJoin([utc_day - 1, utc_day, utc_day + 1]) AS day
    FROM (SELECT DISTINCT toDate32(booked_time) AS utc_day FROM ledger_events)
);

-- The sums of ledger_daily, for whoever asks by feature or agent: more rows, of the words that are asked for most.
CREATE TABLE IF NOT EXISTS ledger_daily_features (
    day Date32,
    tenant LowCardinality(String),
    environment LowCardinality(String),
    team LowCardinality(String),
    feature LowCardinality(String),
    agent LowCardinality(String),
    provider LowCardinality(String),
    model LowCardinality(String),
    currency LowCardinality(String),
    requests Int64,
    input_tokens Nullable(Int64),
    cache_read_tokens Nullable(Int64),
    cache_write_tokens Nullable(Int64),
    output_tokens Nullable(Int64),
    reasoning_tokens Nullable(Int64),
    cost Nullable(Decimal(38, 18)),
    unpriced_requests Int64,
    estimated_requests Int64,
    missing_requests Int64,
    probable_requests Int64,
    error_requests Int64,
    duration_ms Int64,
    uncosted_requests Int64,
    attempts Int64,
    error_attempts Int64
)
ENGINE = MergeTree
PARTITION BY day
ORDER BY (tenant, feature, agent, provider, model, environment, team, currency)
SETTINGS
    fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 60,
    non_replicated_deduplication_window = 0;

-- They are made of the events as live_daily_costs are.
CREATE OR REPLACE VIEW live_daily_features AS
SELECT
    toDate32(e.booked_time, '{zone}') AS day,
    e.tenant AS tenant,
    e.environment AS environment,
    e.team AS team,
    e.feature AS feature,
    e.agent AS agent,
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
WHERE e.kind != 'denial'
GROUP BY day, tenant, environment, team, feature, agent, provider, model, currency;

-- The same sums, recomputed beforehand for clean days and live for dirty ones. `duration_ms` is the requests' total.
CREATE OR REPLACE VIEW daily_feature_costs AS
SELECT * FROM ledger_daily_features WHERE day NOT IN (SELECT d.day FROM ledger_dirty_days AS d FINAL WHERE d.cleaned = 0)
UNION ALL
SELECT * FROM live_daily_features WHERE day IN (SELECT d.day FROM ledger_dirty_days AS d FINAL WHERE d.cleaned = 0);
