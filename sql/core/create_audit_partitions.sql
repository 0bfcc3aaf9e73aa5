-- Makes the partitions of the audit trail that are missing. Waits for another one that does.
-- $1 months_ahead: how many months after this one
select core.create_audit_partitions($1) as made;
