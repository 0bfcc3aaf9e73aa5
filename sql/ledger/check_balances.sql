-- Whether the balances of a business hold together: debits are credits, no account is below its floor. Reads no entry.
-- $1 business_id: the tenant
-- nullable: broken
-- scan: every balance of the business is read; a job does it for one business at a time
select ledger.broken_sum($1) as broken;
