-- The tables. Names are the contract (ARCHITECTURE.md); LedgerEvent is tested equal to ledger_events.
-- An id's first 8 bytes are big-endian nanoseconds, so ids sort by time and name their own month. The month is a
-- function of the key: rows with one id always meet in one partition, which is what FINAL needs to be exact.
-- Times before 2020 lie with January 2020 and times from 2050 on with January 2050, so that a hostile spread of times
-- makes 361 partitions, not 3508.
-- Inserts and merges reach the disk before they count, and merged parts stay a minute longer, until the renames of
-- the new ones have too. Merging twenty parts at a time instead of five halves what the large tables cost in all;
-- merging the payloads of claims as a column of their own halves the memory that takes.

CREATE TABLE IF NOT EXISTS ledger_events (
    event_id FixedString(16),
    charge_id FixedString(16),
    kind LowCardinality(String),
    reverses FixedString(16),
    event_time DateTime64(9, 'UTC'),
    booked_time DateTime64(9, 'UTC'),
    ingest_time DateTime64(9, 'UTC'),
    tenant LowCardinality(String),
    environment LowCardinality(String),
    service_name LowCardinality(String),
    user_id String,
    session_id String,
    organization_id LowCardinality(String),
    feature LowCardinality(String),
    team LowCardinality(String),
    project LowCardinality(String),
    cost_center LowCardinality(String),
    agent LowCardinality(String),
    agent_path Array(LowCardinality(String)),
    workflow_id String,
    conversation_id String,
    tools Array(LowCardinality(String)),
    provider LowCardinality(String),
    model LowCardinality(String),
    request_model LowCardinality(String),
    response_model LowCardinality(String),
    operation LowCardinality(String),
    region LowCardinality(String),
    account LowCardinality(String),
    service_tier LowCardinality(String),
    requests Int64,
    input_tokens Nullable(Int64),
    cache_read_tokens Nullable(Int64),
    cache_write_tokens Nullable(Int64),
    output_tokens Nullable(Int64),
    reasoning_tokens Nullable(Int64),
    `lines.unit` Array(LowCardinality(String)),
    `lines.quantity` Array(Int64),
    `lines.unit_price` Array(Nullable(Decimal(38, 18))),
    `lines.amount` Array(Nullable(Decimal(38, 18))),
    cost Nullable(Decimal(38, 18)),
    currency LowCardinality(String),
    cost_state LowCardinality(String),
    reported_cost Nullable(Decimal(38, 18)),
    revenue Nullable(Decimal(38, 18)),
    revenue_currency LowCardinality(String),
    reporting_cost Nullable(Decimal(38, 18)),
    reporting_currency LowCardinality(String),
    fx_rate Nullable(Decimal(38, 18)),
    fx_source LowCardinality(String),
    price_book LowCardinality(String),
    price_id LowCardinality(String),
    usage_source LowCardinality(String),
    quality LowCardinality(String),
    dialect LowCardinality(String),
    scope LowCardinality(String),
    status LowCardinality(String),
    error_type LowCardinality(String),
    attempt UInt16,
    duration_ms Int64,
    time_to_first_token_ms Nullable(Int64),
    trace_id String,
    span_id String,
    parent_span_id String,
    response_id String,
    flags Array(LowCardinality(String)),
    metadata Map(LowCardinality(String), String),
    INDEX booked_time_range booked_time TYPE minmax GRANULARITY 1,
    INDEX kind_set kind TYPE set(8) GRANULARITY 1,
    INDEX cost_state_set cost_state TYPE set(4) GRANULARITY 1,
    INDEX charge_id_bloom charge_id TYPE bloom_filter GRANULARITY 1,
    INDEX trace_id_bloom trace_id TYPE bloom_filter GRANULARITY 1,
    INDEX response_id_bloom response_id TYPE bloom_filter GRANULARITY 1,
    CONSTRAINT tenant_is_named CHECK tenant != '',
    CONSTRAINT kind_is_known CHECK kind IN ('charge', 'attempt', 'reversal', 'adjustment', 'credit', 'denial'),
    CONSTRAINT priced_has_a_cost CHECK cost_state != 'priced' OR cost IS NOT NULL
)
ENGINE = ReplacingMergeTree(ingest_time)
PARTITION BY toYYYYMM(fromUnixTimestamp64Nano(
    least(
        greatest(reinterpretAsInt64(reverse(substring(event_id, 1, 8))), toInt64(1577836800000000000)),
        toInt64(2524608000000000000)
    ),
    'UTC'
))
ORDER BY (tenant, event_id)
SETTINGS
    fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 60,
    non_replicated_deduplication_window = 0, merge_selector_base = 20;

-- Claims only grow: a row says which charge a claim settled into, and by which rule; the newest settling wins.
CREATE TABLE IF NOT EXISTS ledger_claims (
    tenant LowCardinality(String),
    claim_id FixedString(16),
    charge_id FixedString(16),
    rule LowCardinality(String),
    scope LowCardinality(String),
    trace_id String,
    response_id String,
    likeness UInt64,
    service_name LowCardinality(String),
    signal LowCardinality(String),
    emitter LowCardinality(String),
    claim_time DateTime64(9, 'UTC'),
    received_at DateTime64(9, 'UTC'),
    settled_at DateTime64(9, 'UTC'),
    poster LowCardinality(String),
    stored_at DateTime64(9, 'UTC') DEFAULT now64(9, 'UTC'),
    payload String,
    INDEX stored_at_range stored_at TYPE minmax GRANULARITY 1,
    INDEX trace_id_bloom trace_id TYPE bloom_filter GRANULARITY 1,
    INDEX response_id_bloom response_id TYPE bloom_filter GRANULARITY 1,
    INDEX likeness_bloom likeness TYPE bloom_filter GRANULARITY 1,
    INDEX charge_id_bloom charge_id TYPE bloom_filter GRANULARITY 1
)
ENGINE = ReplacingMergeTree(settled_at)
PARTITION BY toYYYYMM(fromUnixTimestamp64Nano(
    least(
        greatest(reinterpretAsInt64(reverse(substring(claim_id, 1, 8))), toInt64(1577836800000000000)),
        toInt64(2524608000000000000)
    ),
    'UTC'
))
ORDER BY (tenant, claim_id)
SETTINGS
    fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 60,
    non_replicated_deduplication_window = 0, merge_selector_base = 20,
    vertical_merge_algorithm_min_columns_to_activate = 1;

-- One row per posted stretch of a journal: the terms of the accounting invariant. Posting a stretch again replaces it.
CREATE TABLE IF NOT EXISTS ledger_postings (
    posted_at DateTime64(9, 'UTC'),
    shard String,
    first_seq UInt64,
    last_seq UInt64,
    counts Map(LowCardinality(String), Int64)
)
ENGINE = ReplacingMergeTree(posted_at)
ORDER BY (shard, first_seq)
SETTINGS
    fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 60,
    non_replicated_deduplication_window = 0;

-- What was accepted and cannot be booked, with the reason; nothing is dropped. The id is made of the content, so what
-- is sent again is no second row. The payload is a whole request of these elements alone: it can be journaled again.
CREATE TABLE IF NOT EXISTS ledger_quarantine (
    quarantine_id FixedString(16),
    received_at DateTime64(9, 'UTC'),
    shard String,
    seq UInt64,
    tenant LowCardinality(String),
    scope LowCardinality(String),
    default_tenant LowCardinality(String),
    signal LowCardinality(String),
    reason LowCardinality(String),
    trace_id String,
    span_id String,
    elements UInt64,
    payload String
)
ENGINE = ReplacingMergeTree
ORDER BY quarantine_id
SETTINGS
    fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 60,
    non_replicated_deduplication_window = 0;

-- What became of it, in the order it was decided; rows are only added. `replayed`: it is in the ledger, counted under
-- another heading, by the journal record that is named. `failed`: a replay found it as impossible. `discarded`: a person
-- decided; it stays in the quarantine's sum.
CREATE TABLE IF NOT EXISTS ledger_quarantine_decisions (
    quarantine_id FixedString(16),
    decided_at DateTime64(9, 'UTC'),
    decision LowCardinality(String),
    reason String,
    shard String,
    seq UInt64,
    CONSTRAINT decision_is_known CHECK decision IN ('replayed', 'failed', 'discarded')
)
ENGINE = ReplacingMergeTree
ORDER BY (quarantine_id, decided_at, decision, shard, seq)
SETTINGS
    fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 60,
    non_replicated_deduplication_window = 0;

-- The texts of the price books that events were priced with: with them, a line can be calculated again years later.
CREATE TABLE IF NOT EXISTS ledger_price_books (
    digest String,
    loaded_at DateTime64(9, 'UTC'),
    name String,
    content String CODEC(ZSTD(9))
)
ENGINE = ReplacingMergeTree
ORDER BY digest
SETTINGS
    fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 60,
    non_replicated_deduplication_window = 0;

CREATE TABLE IF NOT EXISTS ledger_settings (
    name String,
    value String,
    changed_at DateTime64(9, 'UTC') DEFAULT now64(9)
)
ENGINE = ReplacingMergeTree(changed_at)
ORDER BY name
SETTINGS
    fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 60,
    non_replicated_deduplication_window = 0;

-- Sums per day of the reporting zone, recomputed from the events and swapped in a day at a time; never incremented.
CREATE TABLE IF NOT EXISTS ledger_daily (
    day Date32,
    tenant LowCardinality(String),
    environment LowCardinality(String),
    team LowCardinality(String),
    project LowCardinality(String),
    cost_center LowCardinality(String),
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
ORDER BY (tenant, provider, model, environment, team, project, cost_center, currency)
SETTINGS
    fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 60,
    non_replicated_deduplication_window = 0;

-- Sums per UTC hour and unit, kept as ledger_daily is, by the same marks. `day` is the reporting zone's: an hour that
-- its midnight cuts in two has a row in each day.
CREATE TABLE IF NOT EXISTS ledger_hourly (
    day Date32,
    hour DateTime64(0, 'UTC'),
    tenant LowCardinality(String),
    provider LowCardinality(String),
    model LowCardinality(String),
    unit LowCardinality(String),
    currency LowCardinality(String),
    requests Int64,
    quantity Nullable(Int64),
    unpriced_quantity Int64,
    cost Nullable(Decimal(38, 18))
)
ENGINE = MergeTree
PARTITION BY day
ORDER BY (tenant, provider, model, unit, hour, currency)
SETTINGS
    fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 60,
    non_replicated_deduplication_window = 0;

-- A mark says that a day's sums in ledger_daily and ledger_hourly may be behind its events. A mark is written before the events, and
-- taken back (cleaned = 1 replaces cleaned = 0) only by the recomputation that saw it; a day without marks is clean.
CREATE TABLE IF NOT EXISTS ledger_dirty_days (
    day Date32,
    mark FixedString(16),
    cleaned UInt8,
    written_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(cleaned)
ORDER BY (day, mark)
TTL toDateTime(written_at) + INTERVAL 30 DAY WHERE cleaned = 1
SETTINGS
    fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 60,
    non_replicated_deduplication_window = 0;
