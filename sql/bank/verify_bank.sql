-- Proves that what the bank says of a business's money is what the ledger has: how many transfers there are, and the first
-- thing of each part that is broken.
-- $1 business_id: the tenant
-- nullable: broken
-- scan: every account and transfer is read
select (select count(*) from bank.transfers t where t.business_id = $1)::text as transfers,
       (select string_agg(v.part || ': ' || v.broken, '; ') from bank.verify($1) v) as broken;
