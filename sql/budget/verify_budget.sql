-- Proves that the roll-up of each month and category is what its transactions come to: how many transactions there are, and the
-- first month that is wrong.
-- $1 business_id: the tenant
-- nullable: broken
-- scan: every transaction is read
select (select count(*) from budget.transactions t where t.business_id = $1)::text as transactions,
       (select format('budget %s, %s, category %s: the roll-up differs by %s in %s transactions', d.budget_id,
          to_char(d.month, 'YYYY-MM'), coalesce(d.category_id::text, 'none'), d.activity, d.tx_count)
        from budget.roll_up_drift($1) d order by d.budget_id, d.month, d.category_id limit 1) as broken;
