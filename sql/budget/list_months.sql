-- Months of a person's budget in a row, in the list envelope; no row: there is no such budget.
-- $1 business_id: the tenant
-- $2 user_id: whose budget
-- $3 budget_id: which one
-- $4 from_month: the first day of the first month
-- $5 to_month: the first day of the last month
-- index: budgets_pk, alloc_month_ix, cm_month_ix
select json_build_object('data', (
    select json_agg(m.body order by m.month)
    from budget.month_bodies(b.business_id, b.id, $4::text::date, $5::text::date) m),
  'meta', json_build_object('next_cursor', null, 'has_more', false))::text as body
from budget.budgets b
where b.business_id = $1::uuid and b.id = $3::uuid and b.owner_id = $2::uuid and b.deleted_at is null;
