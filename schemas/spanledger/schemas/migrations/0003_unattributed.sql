-- Charges that nobody was named for: charged to nobody, shown here, never dropped.
CREATE OR REPLACE VIEW unattributed AS
SELECT *
FROM charges
WHERE tenant = 'unattributed';
