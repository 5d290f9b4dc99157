-- Budgets. Every version is kept, so that history knows which limit was in force; `removed` ends a name until it is set
-- again.
CREATE TABLE IF NOT EXISTS ledger_budgets (
    name String,
    changed_at DateTime64(9, 'UTC'),
    removed UInt8,
    scope Map(LowCardinality(String), String),
    time_window LowCardinality(String),
    tz LowCardinality(String),
    currency LowCardinality(String),
    limit_amount Decimal(38, 18),
    hard UInt8,
    thresholds Array(Int64),
    unpriced_per_million_tokens Decimal(38, 18),
    unpriced_per_request Decimal(38, 18),
    CONSTRAINT limit_is_positive CHECK limit_amount > 0
)
ENGINE = ReplacingMergeTree
ORDER BY (name, changed_at)
SETTINGS
    fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 60,
    non_replicated_deduplication_window = 0;

-- The budgets that are set now.
CREATE OR REPLACE VIEW budgets AS
SELECT * EXCEPT (removed)
FROM (SELECT * FROM ledger_budgets AS b FINAL ORDER BY b.name, b.changed_at DESC LIMIT 1 BY b.name)
WHERE removed = 0;
