-- Proves what must hold of a business's budgets: how many transactions there are, and the first thing of each part that is
-- broken (budget.verify).
-- $1 business_id: the tenant
-- nullable: broken
-- scan: every transaction is read
select (select count(*) from budget.transactions t where t.business_id = $1)::text as transactions,
       (select string_agg(v.broken, '; ') from budget.verify($1) v) as broken;
