-- no-transaction
-- Where a person is a member, was one, or is suspended: their name stands beside their work in all of these businesses,
-- so a new name makes cached answers of each wrong. (memberships_user_ix has only those where they may log in.) It begins
-- with user_id, because a change of a person reads every business of theirs.
create index concurrently if not exists memberships_person_ix on core.memberships (user_id) include (business_id);
