-- The bodies of core resources: one function says how a row looks to an API consumer, whoever returns it.

create function core.customer_body(c core.customers) returns json language sql stable parallel safe as $$
  select json_build_object('id', c.id, 'code', c.code, 'name', c.name, 'phone', c.phone, 'email', c.email,
    'tax_no', c.tax_no, 'address', c.address, 'unit_id', c.unit_id, 'user_id', c.user_id, 'notes', c.notes,
    'is_active', c.is_active, 'version', c.version,
    'created_at', core.iso(c.created_at), 'updated_at', core.iso(c.updated_at)) $$;

-- Text as a pattern that matches itself: a search for 100% finds "100%".
create function core.like_pattern(p_text text) returns text language sql immutable parallel safe as $$
  select replace(replace(replace(p_text, '\', '\\'), '%', '\%'), '_', '\_') $$;
