-- Whose a budget is. No row: there is none of the business, or it was deleted.
-- $1 business_id: the tenant
-- $2 budget_id: which one
-- index: budgets_pk
select b.owner_id::text as owner_id from budget.budgets b
where b.business_id = $1::uuid and b.id = $2::uuid and b.deleted_at is null;
