-- What a question about a person's default budget of a business is understood with: which it is, what its amounts and months
-- are, and what its groups and categories that are not income are called. No row: they have none.
-- $1 business_id: the tenant
-- $2 user_id: whose budget
-- index: budget_default_uq, category_groups_name_uq, categories_budget_uq
select b.id as budget_id, b.currency::text as currency, c.exponent::int as exponent,
  to_char(b.first_month, 'YYYY-MM') as first_month, to_char(now() at time zone b.timezone, 'YYYY-MM') as month,
  coalesce((
    select json_agg(json_build_object('id', g.id, 'name', g.name, 'label', g.label) order by g.sort, g.id)
    from budget.category_groups g
    where g.business_id = b.business_id and g.budget_id = b.id and not g.is_income), '[]')::text as groups,
  coalesce((
    select json_agg(json_build_object('id', k.id, 'name', k.name, 'group_id', k.group_id) order by g.sort, k.sort, k.id)
    from budget.categories k join budget.category_groups g on g.business_id = k.business_id and g.id = k.group_id
    where k.business_id = b.business_id and k.budget_id = b.id and not g.is_income), '[]')::text as categories
from budget.budgets b join core.currencies c on c.code = b.currency
where b.business_id = $1::uuid and b.owner_id = $2::uuid and b.is_default and b.deleted_at is null;
