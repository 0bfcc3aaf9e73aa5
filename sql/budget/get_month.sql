-- A month of a person's budget: envelopes with what was carried in, what is to budget, and the proof that it adds up
-- (budget.months). No row: there is no such budget.
-- $1 business_id: the tenant
-- $2 user_id: whose budget
-- $3 budget_id: which one
-- $4 month: its first day
-- index: budgets_pk, alloc_month_ix, cm_month_ix
select m.body::text as body, m.version
from budget.budgets b
cross join lateral budget.month_bodies(b.business_id, b.id, $4::text::date, $4::text::date) m
where b.business_id = $1::uuid and b.id = $3::uuid and b.owner_id = $2::uuid and b.deleted_at is null;
