-- The bodies of core resources: one function says how a row looks to an API consumer, whoever returns it.

create function core.customer_body(c core.customers) returns json language sql stable parallel safe as $$
  select json_build_object('id', c.id, 'code', c.code, 'name', c.name, 'phone', c.phone, 'email', c.email,
    'tax_no', c.tax_no, 'address', c.address, 'unit_id', c.unit_id, 'user_id', c.user_id, 'notes', c.notes,
    'is_active', c.is_active, 'version', c.version,
    'created_at', core.iso(c.created_at), 'updated_at', core.iso(c.updated_at)) $$;

create function core.user_body(u core.users) returns json language sql stable parallel safe as $$
  select json_build_object('id', u.id, 'username', u.username, 'phone', u.phone, 'email', u.email,
    'full_name', u.full_name, 'timezone', u.timezone, 'locale', u.locale, 'avatar_file_id', u.avatar_file_id,
    'version', u.version, 'created_at', core.iso(u.created_at), 'updated_at', core.iso(u.updated_at)) $$;

create function core.business_body(b core.businesses) returns json language sql stable parallel safe as $$
  select json_build_object('id', b.id, 'code', b.code, 'name', b.name, 'modules', b.modules, 'currency', b.currency,
    'timezone', b.timezone, 'status', b.status, 'version', b.version,
    'created_at', core.iso(b.created_at), 'updated_at', core.iso(b.updated_at)) $$;

create function core.unit_body(u core.units) returns json language sql stable parallel safe as $$
  select json_build_object('id', u.id, 'name', u.name, 'location', u.location, 'version', u.version,
    'created_at', core.iso(u.created_at), 'updated_at', core.iso(u.updated_at)) $$;

-- Until a person has accepted, the business is told nothing of them but what it said itself.
create function core.member_body(m core.memberships, u core.users) returns json language sql stable parallel safe as $$
  select json_build_object('id', m.id, 'user_id', m.user_id, 'invited_as', m.invited_as,
    'full_name', case when m.invited_as is null then u.full_name end,
    'username', case when m.invited_as is null then u.username end,
    'phone', case when m.invited_as is null then u.phone end,
    'email', case when m.invited_as is null then u.email end,
    'role', m.role, 'status', m.status, 'unit_id', m.unit_id, 'parent_member_id', m.parent_member_id,
    'version', m.version, 'created_at', core.iso(m.created_at), 'updated_at', core.iso(m.updated_at)) $$;

-- A person as they see themselves: what they are in the business they work in now, and where else they belong.
create function core.me_body(u core.users, p_business_id uuid) returns json language sql stable parallel safe as $$
  select json_build_object('id', u.id, 'username', u.username, 'phone', u.phone, 'email', u.email,
    'full_name', u.full_name, 'timezone', u.timezone, 'locale', u.locale, 'avatar_file_id', u.avatar_file_id,
    'business_id', p_business_id,
    'businesses', (
      select coalesce(json_agg(json_build_object('id', b.id, 'code', b.code, 'name', b.name, 'currency', b.currency,
        'timezone', b.timezone, 'member_id', m.id, 'role', m.role, 'status', m.status) order by b.name, b.id), '[]')
      from core.memberships m join core.businesses b on b.id = m.business_id
      where m.user_id = u.id and m.status in ('active', 'invited') and b.status = 'active'),
    'version', u.version, 'created_at', core.iso(u.created_at), 'updated_at', core.iso(u.updated_at)) $$;

create function core.session_body(s core.sessions, p_current_id uuid) returns json
language sql stable parallel safe as $$
  select json_build_object('id', s.id, 'business_id', s.active_business_id, 'ip', host(s.ip),
    'user_agent', s.user_agent, 'is_current', s.id = p_current_id, 'created_at', core.iso(s.created_at),
    'last_seen_at', core.iso(s.last_seen_at), 'expires_at', core.iso(s.idle_expires_at)) $$;

-- A setting as it holds: p_entry is its place in the catalogue (key, default, description, schema), then the row of the
-- business and the row of the installation, where there are such.
create function core.setting_body(p_entry jsonb, b core.settings, i core.settings) returns json
language sql stable parallel safe as $$
  select json_build_object('key', p_entry -> 'key', 'value', coalesce(b.value, i.value, p_entry -> 'default'),
    'source', case when b.key is not null then 'business' when i.key is not null then 'installation' else 'default' end,
    'default', p_entry -> 'default', 'description', p_entry -> 'description', 'schema', p_entry -> 'schema',
    'version', coalesce(b.version, 0), 'updated_at', core.iso(b.updated_at)) $$;

create function core.notification_body(n core.notifications) returns json language sql stable parallel safe as $$
  select json_build_object('id', n.id, 'type', n.type, 'title', n.title, 'body', n.body, 'ref_type', n.ref_type,
    'ref_id', n.ref_id, 'read_at', core.iso(n.read_at), 'created_at', core.iso(n.created_at)) $$;

create function core.file_body(f core.files) returns json language sql stable parallel safe as $$
  select json_build_object('id', f.id, 'filename', f.filename, 'mime', f.mime, 'size_bytes', f.size_bytes,
    'sha256', encode(f.sha256, 'hex'), 'ref_type', f.ref_type, 'ref_id', f.ref_id, 'owner_user_id', f.owner_user_id,
    'created_at', core.iso(f.created_at)) $$;
