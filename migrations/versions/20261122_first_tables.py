"""The first tables, the three applications, and the records of the first service and route."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('applications',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('slug', sa.String(length=63), nullable=False),
    sa.Column('name', sa.String(length=255), nullable=False),
    sa.Column('admits', sa.ARRAY(sa.Text()), nullable=False),
    sa.CheckConstraint("admits <@ ARRAY['employee', 'liaison', 'client']", name=op.f('ck_applications_admits_known_roles')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_applications')),
    sa.UniqueConstraint('slug', name=op.f('uq_applications_slug'))
    )
    op.create_table('companies',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('name', sa.String(length=255), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_companies'))
    )
    op.create_table('properties',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('address', sa.String(length=500), server_default='', nullable=False),
    sa.Column('time_zone', sa.String(length=63), nullable=True),
    sa.Column('latitude', sa.Double(), nullable=True),
    sa.Column('longitude', sa.Double(), nullable=True),
    sa.Column('zip', sa.String(length=10), nullable=True),
    sa.CheckConstraint('(latitude IS NULL) = (longitude IS NULL)', name=op.f('ck_properties_position_whole')),
    sa.CheckConstraint('latitude BETWEEN -90 AND 90', name=op.f('ck_properties_latitude_on_earth')),
    sa.CheckConstraint('longitude BETWEEN -180 AND 180', name=op.f('ck_properties_longitude_on_earth')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_properties'))
    )
    op.create_table('services',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('slug', sa.String(length=63), nullable=False),
    sa.Column('deployed', sa.Boolean(), server_default='true', nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_services')),
    sa.UniqueConstraint('slug', name=op.f('uq_services_slug'))
    )
    op.create_table('users',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('email', sa.String(length=320), nullable=False),
    sa.Column('name', sa.String(length=255), nullable=False),
    sa.Column('password_hash', sa.Text(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint("position('@' in email) > 1", name=op.f('ck_users_email_has_an_at')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_users'))
    )
    op.create_index('uq_users_email', 'users', [sa.literal_column('lower(email)')], unique=True)
    op.create_table('clients',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('user_id', sa.BigInteger(), nullable=True),
    sa.Column('company_id', sa.BigInteger(), nullable=True),
    sa.Column('email', sa.String(length=320), nullable=True),
    sa.Column('name', sa.String(length=255), server_default='', nullable=False),
    sa.Column('assistant_emails', sa.ARRAY(sa.Text()), server_default='{}', nullable=False),
    sa.Column('additional_emails', sa.ARRAY(sa.Text()), server_default='{}', nullable=False),
    sa.ForeignKeyConstraint(['company_id'], ['companies.id'], name=op.f('fk_clients_company_id')),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_clients_user_id'), ondelete='SET NULL'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_clients')),
    sa.UniqueConstraint('user_id', name=op.f('uq_clients_user_id'))
    )
    op.create_index(op.f('ix_clients_company_id'), 'clients', ['company_id'], unique=False)
    op.create_table('employees',
    sa.Column('user_id', sa.BigInteger(), nullable=False),
    sa.Column('duties', sa.ARRAY(sa.Text()), server_default='{}', nullable=False),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_employees_user_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('user_id', name=op.f('pk_employees'))
    )
    op.create_table('liaisons',
    sa.Column('user_id', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_liaisons_user_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('user_id', name=op.f('pk_liaisons'))
    )
    op.create_table('routes',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('service_id', sa.BigInteger(), nullable=False),
    sa.Column('method', sa.String(length=8), nullable=False),
    sa.Column('path', sa.String(length=255), nullable=False),
    sa.Column('deployed', sa.Boolean(), server_default='true', nullable=False),
    sa.ForeignKeyConstraint(['service_id'], ['services.id'], name=op.f('fk_routes_service_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_routes')),
    sa.UniqueConstraint('method', 'path', name=op.f('uq_routes_method_path'))
    )
    op.create_index(op.f('ix_routes_service_id'), 'routes', ['service_id'], unique=False)
    op.create_table('tokens',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('public_id', sa.String(length=32), nullable=False),
    sa.Column('secret_sha256', sa.LargeBinary(length=32), nullable=False),
    sa.Column('kind', sa.String(length=16), nullable=False),
    sa.Column('label', sa.String(length=255), server_default='', nullable=False),
    sa.Column('application_id', sa.BigInteger(), nullable=False),
    sa.Column('user_id', sa.BigInteger(), nullable=True),
    sa.Column('remember_me', sa.Boolean(), server_default='false', nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('last_used_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('revoked_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("(kind = 'session') = (user_id IS NOT NULL)", name=op.f('ck_tokens_sessions_have_a_user')),
    sa.CheckConstraint("kind IN ('application', 'session')", name=op.f('ck_tokens_kind_known')),
    sa.ForeignKeyConstraint(['application_id'], ['applications.id'], name=op.f('fk_tokens_application_id')),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_tokens_user_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_tokens')),
    sa.UniqueConstraint('public_id', name=op.f('uq_tokens_public_id'))
    )
    op.create_index(op.f('ix_tokens_user_id'), 'tokens', ['user_id'], unique=False)
    op.create_table('liaison_companies',
    sa.Column('user_id', sa.BigInteger(), nullable=False),
    sa.Column('company_id', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['company_id'], ['companies.id'], name=op.f('fk_liaison_companies_company_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['user_id'], ['liaisons.user_id'], name=op.f('fk_liaison_companies_user_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('user_id', 'company_id', name=op.f('pk_liaison_companies'))
    )
    op.create_index(op.f('ix_liaison_companies_company_id'), 'liaison_companies', ['company_id'], unique=False)
    op.create_table('orders',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('client_id', sa.BigInteger(), nullable=True),
    sa.Column('company_id', sa.BigInteger(), nullable=True),
    sa.Column('property_id', sa.BigInteger(), nullable=True),
    sa.ForeignKeyConstraint(['client_id'], ['clients.id'], name=op.f('fk_orders_client_id')),
    sa.ForeignKeyConstraint(['company_id'], ['companies.id'], name=op.f('fk_orders_company_id')),
    sa.ForeignKeyConstraint(['property_id'], ['properties.id'], name=op.f('fk_orders_property_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_orders'))
    )
    op.create_index(op.f('ix_orders_client_id'), 'orders', ['client_id'], unique=False)
    op.create_index(op.f('ix_orders_company_id'), 'orders', ['company_id'], unique=False)
    op.create_index(op.f('ix_orders_property_id'), 'orders', ['property_id'], unique=False)
    op.create_table('order_request_appts',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('order_id', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['order_id'], ['orders.id'], name=op.f('fk_order_request_appts_order_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_order_request_appts'))
    )
    op.create_index(op.f('ix_order_request_appts_order_id'), 'order_request_appts', ['order_id'], unique=False)
    op.create_table('appointments',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('uuid', sa.Uuid(), nullable=False),
    sa.Column('confirmed', sa.Boolean(), nullable=True),
    sa.Column('cancelled', sa.Boolean(), nullable=True),
    sa.Column('allday', sa.Boolean(), nullable=True),
    sa.Column('appt_type', sa.String(length=255), nullable=True),
    sa.Column('confirmed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('confirmed_by', sa.String(length=255), nullable=True),
    sa.Column('date_start_local', sa.Date(), nullable=True),
    sa.Column('date_start_office', sa.Date(), nullable=True),
    sa.Column('date_stop_local', sa.Date(), nullable=True),
    sa.Column('date_stop_office', sa.Date(), nullable=True),
    sa.Column('delivery_type', sa.String(length=255), nullable=True),
    sa.Column('description', sa.Text(), nullable=True),
    sa.Column('location', sa.String(length=255), nullable=True),
    sa.Column('notes', sa.Text(), nullable=True),
    sa.Column('on_site_cancel', sa.Boolean(), nullable=True),
    sa.Column('optional', sa.Boolean(), nullable=True),
    sa.Column('order_id', sa.BigInteger(), nullable=True),
    sa.Column('order_request_appt_id', sa.BigInteger(), nullable=True),
    sa.Column('photographer_name', sa.String(length=255), nullable=True),
    sa.Column('photographer_user_id', sa.BigInteger(), nullable=True),
    sa.Column('requested_date', sa.Date(), nullable=True),
    sa.Column('requested_time', sa.Time(), nullable=True),
    sa.Column('same_day_cancel', sa.Boolean(), nullable=True),
    sa.Column('time_start_local', sa.Time(), nullable=True),
    sa.Column('time_start_office', sa.Time(), nullable=True),
    sa.Column('time_stop_local', sa.Time(), nullable=True),
    sa.Column('time_stop_office', sa.Time(), nullable=True),
    sa.Column('summary', sa.String(length=255), nullable=True),
    sa.Column('time_duration', sa.String(length=255), nullable=True),
    sa.Column('created_by', sa.String(length=255), nullable=True),
    sa.Column('created_in', sa.String(length=255), nullable=True),
    sa.Column('updated_at_mt', sa.String(length=255), nullable=False),
    sa.Column('updated_by', sa.String(length=255), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('month_first', sa.Boolean(), nullable=True),
    sa.Column('date_stop_utc', sa.Date(), nullable=True),
    sa.Column('date_start_utc', sa.Date(), nullable=True),
    sa.Column('time_start_utc', sa.Time(), nullable=True),
    sa.Column('time_stop_utc', sa.Time(), nullable=True),
    sa.Column('time_duration_s', sa.Integer(), nullable=True),
    sa.Column('ready_to_schedule', sa.Boolean(), nullable=True),
    sa.Column('window_date_start', sa.Date(), nullable=True),
    sa.Column('window_date_end', sa.Date(), nullable=True),
    sa.Column('window_time_start', sa.Integer(), nullable=True),
    sa.Column('window_time_end', sa.Integer(), nullable=True),
    sa.Column('supplied', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('fingerprint', sa.LargeBinary(length=32), nullable=False),
    sa.Column('updated_at_mt_instant', sa.DateTime(timezone=True), nullable=False),
    sa.Column('idempotency_scope', sa.String(length=63), nullable=True),
    sa.Column('idempotency_key', sa.String(length=255), nullable=True),
    sa.Column('caller_kind', sa.String(length=16), nullable=False),
    sa.Column('caller_role', sa.String(length=16), nullable=False),
    sa.Column('caller_user_id', sa.BigInteger(), nullable=True),
    sa.Column('caller_application_id', sa.BigInteger(), nullable=False),
    sa.Column('request_id', sa.String(length=64), nullable=False),
    sa.Column('inserted_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('changed_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('sequence', sa.Integer(), server_default='0', nullable=False),
    sa.Column('reconciled_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('starts_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('stops_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('start_resolution', sa.String(length=16), nullable=True),
    sa.Column('stop_resolution', sa.String(length=16), nullable=True),
    sa.Column('zone_name', sa.String(length=63), nullable=True),
    sa.Column('zone_source', sa.String(length=16), nullable=True),
    sa.Column('start_offset_s', sa.Integer(), nullable=True),
    sa.Column('stop_offset_s', sa.Integer(), nullable=True),
    sa.Column('office_zone', sa.String(length=63), nullable=True),
    sa.Column('tzdata_version', sa.String(length=16), nullable=True),
    sa.Column('discrepancies', postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    sa.CheckConstraint("caller_kind IN ('application', 'session')", name=op.f('ck_appointments_caller_kind_known')),
    sa.CheckConstraint("start_resolution IN ('unresolved', 'gap', 'fold', 'inferred', 'derived', 'exact', 'allday')", name=op.f('ck_appointments_start_resolution_known')),
    sa.CheckConstraint("stop_resolution IN ('unresolved', 'gap', 'fold', 'inferred', 'derived', 'exact', 'allday')", name=op.f('ck_appointments_stop_resolution_known')),
    sa.CheckConstraint('cancelled IS NOT FALSE OR NOT (coalesce(on_site_cancel, false) OR coalesce(same_day_cancel, false))', name=op.f('ck_appointments_a_reason_implies_cancelled')),
    sa.CheckConstraint('time_duration_s BETWEEN 1 AND 604800', name=op.f('ck_appointments_duration_within_a_week')),
    sa.CheckConstraint('window_time_end BETWEEN 0 AND 86400', name=op.f('ck_appointments_window_end_within_a_day')),
    sa.CheckConstraint('window_time_start BETWEEN 0 AND 86400', name=op.f('ck_appointments_window_start_within_a_day')),
    sa.ForeignKeyConstraint(['caller_application_id'], ['applications.id'], name=op.f('fk_appointments_caller_application_id')),
    sa.ForeignKeyConstraint(['caller_user_id'], ['users.id'], name=op.f('fk_appointments_caller_user_id'), ondelete='SET NULL'),
    sa.ForeignKeyConstraint(['order_id'], ['orders.id'], name=op.f('fk_appointments_order_id')),
    sa.ForeignKeyConstraint(['order_request_appt_id'], ['order_request_appts.id'], name=op.f('fk_appointments_order_request_appt_id')),
    sa.ForeignKeyConstraint(['photographer_user_id'], ['users.id'], name=op.f('fk_appointments_photographer_user_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_appointments')),
    sa.UniqueConstraint('uuid', name=op.f('uq_appointments_uuid'))
    )
    op.create_index(op.f('ix_appointments_order_id'), 'appointments', ['order_id'], unique=False)
    op.create_index(op.f('ix_appointments_order_request_appt_id'), 'appointments', ['order_request_appt_id'], unique=False)
    op.create_index(op.f('ix_appointments_photographer_user_id'), 'appointments', ['photographer_user_id'], unique=False)
    op.create_index('uq_appointments_idempotency', 'appointments', ['idempotency_scope', 'idempotency_key'], unique=True, postgresql_where=sa.text('idempotency_key IS NOT NULL'))
    op.create_table('commands',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('appointment_id', sa.BigInteger(), nullable=False),
    sa.Column('kind', sa.String(length=32), nullable=False),
    sa.Column('sequence', sa.Integer(), server_default='0', nullable=False),
    sa.Column('recipient', sa.String(length=320), server_default='', nullable=False),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('attempts', sa.Integer(), server_default='0', nullable=False),
    sa.Column('doubts', sa.Integer(), server_default='0', nullable=False),
    sa.Column('misses', sa.Integer(), server_default='0', nullable=False),
    sa.Column('send_id', sa.Uuid(), server_default=sa.text('gen_random_uuid()'), nullable=False),
    sa.Column('available_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('published_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('publishes', sa.Integer(), server_default='0', nullable=False),
    sa.Column('lease_token', sa.Uuid(), nullable=True),
    sa.Column('lease_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('doubt_since', sa.DateTime(timezone=True), nullable=True),
    sa.Column('last_error', sa.Text(), nullable=True),
    sa.Column('request_id', sa.String(length=64), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("(state IN ('running', 'sending')) = (lease_token IS NOT NULL)", name=op.f('ck_commands_leased_states_have_a_lease')),
    sa.CheckConstraint("state IN ('waiting', 'pending', 'running', 'sending', 'unknown', 'done', 'failed')", name=op.f('ck_commands_state_known')),
    sa.CheckConstraint('(lease_token IS NULL) = (lease_until IS NULL)', name=op.f('ck_commands_lease_whole')),
    sa.ForeignKeyConstraint(['appointment_id'], ['appointments.id'], name=op.f('fk_commands_appointment_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_commands')),
    sa.UniqueConstraint('appointment_id', 'kind', 'sequence', 'recipient', name=op.f('uq_commands_appointment_id_kind_sequence_recipient'))
    )
    op.create_index('ix_commands_due', 'commands', ['available_at'], unique=False, postgresql_where=sa.text("state IN ('pending', 'unknown')"))
    op.create_index('ix_commands_leases', 'commands', ['lease_until'], unique=False, postgresql_where=sa.text("state IN ('running', 'sending')"))
    op.create_table('emails',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('send_id', sa.Uuid(), nullable=False),
    sa.Column('command_id', sa.BigInteger(), nullable=False),
    sa.Column('appointment_id', sa.BigInteger(), nullable=False),
    sa.Column('kind', sa.String(length=32), nullable=False),
    sa.Column('recipient', sa.String(length=320), nullable=False),
    sa.Column('copies', sa.ARRAY(sa.Text()), server_default='{}', nullable=False),
    sa.Column('outcome', sa.String(length=16), server_default='sending', nullable=False),
    sa.Column('provider_id', sa.String(length=64), nullable=True),
    sa.Column('cause', sa.String(length=128), nullable=True),
    sa.Column('detail', sa.Text(), nullable=True),
    sa.Column('http_status', sa.Integer(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('decided_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("outcome IN ('sending', 'accepted', 'held', 'refused', 'not-accepted', 'unknown')", name=op.f('ck_emails_outcome_known')),
    sa.ForeignKeyConstraint(['appointment_id'], ['appointments.id'], name=op.f('fk_emails_appointment_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['command_id'], ['commands.id'], name=op.f('fk_emails_command_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_emails')),
    sa.UniqueConstraint('send_id', name=op.f('uq_emails_send_id'))
    )
    op.create_index(op.f('ix_emails_appointment_id'), 'emails', ['appointment_id'], unique=False)
    op.create_index(op.f('ix_emails_command_id'), 'emails', ['command_id'], unique=False)
    op.create_index(op.f('ix_emails_provider_id'), 'emails', ['provider_id'], unique=False)
    op.create_table('notifications',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('status', sa.String(length=64), nullable=False),
    sa.Column('state', sa.String(length=16), server_default='open', nullable=False),
    sa.Column('severity', sa.String(length=16), server_default='high', nullable=False),
    sa.Column('subject_key', sa.String(length=512), nullable=False),
    sa.Column('cause', sa.String(length=128), nullable=False),
    sa.Column('message', sa.Text(), nullable=False),
    sa.Column('hint', sa.Text(), server_default='', nullable=False),
    sa.Column('appointment_id', sa.BigInteger(), nullable=True),
    sa.Column('command_id', sa.BigInteger(), nullable=True),
    sa.Column('recipient', sa.String(length=320), nullable=True),
    sa.Column('http_status', sa.Integer(), nullable=True),
    sa.Column('attempts', sa.Integer(), server_default='0', nullable=False),
    sa.Column('may_have_been_sent', sa.Boolean(), server_default='false', nullable=False),
    sa.Column('request_id', sa.String(length=64), nullable=True),
    sa.Column('first_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('last_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('closed_by', sa.String(length=255), nullable=True),
    sa.CheckConstraint("severity IN ('low', 'high', 'critical')", name=op.f('ck_notifications_severity_known')),
    sa.CheckConstraint("state IN ('open', 'resolved', 'ignored')", name=op.f('ck_notifications_state_known')),
    sa.ForeignKeyConstraint(['appointment_id'], ['appointments.id'], name=op.f('fk_notifications_appointment_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['command_id'], ['commands.id'], name=op.f('fk_notifications_command_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_notifications')),
    sa.UniqueConstraint('subject_key', name=op.f('uq_notifications_subject_key'))
    )
    op.create_index(op.f('ix_notifications_appointment_id'), 'notifications', ['appointment_id'], unique=False)
    op.create_index(op.f('ix_notifications_command_id'), 'notifications', ['command_id'], unique=False)
    op.create_index('ix_notifications_open', 'notifications', ['last_at'], unique=False, postgresql_where=sa.text("state = 'open'"))
    op.create_index(op.f('ix_notifications_status'), 'notifications', ['status'], unique=False)

    applications = sa.table("applications", sa.column("slug"), sa.column("name"), sa.column("admits", sa.ARRAY(sa.Text())))
    op.bulk_insert(
        applications,
        [
            {"slug": "planoauth", "name": "PlanoAuth", "admits": ["employee", "liaison", "client"]},
            {"slug": "planoorder", "name": "PlanoOrder", "admits": ["employee", "liaison", "client"]},
            {"slug": "planox2", "name": "PlanoX2", "admits": ["employee", "liaison"]},
        ],
    )
    op.execute("INSERT INTO services (slug) VALUES ('appointments')")
    op.execute(
        "INSERT INTO routes (service_id, method, path)"
        " SELECT id, 'POST', '/api/v1/appointments/create' FROM services WHERE slug = 'appointments'"
    )


def downgrade() -> None:
    op.drop_index(op.f('ix_notifications_status'), table_name='notifications')
    op.drop_index('ix_notifications_open', table_name='notifications', postgresql_where=sa.text("state = 'open'"))
    op.drop_index(op.f('ix_notifications_command_id'), table_name='notifications')
    op.drop_index(op.f('ix_notifications_appointment_id'), table_name='notifications')
    op.drop_table('notifications')
    op.drop_index(op.f('ix_emails_provider_id'), table_name='emails')
    op.drop_index(op.f('ix_emails_command_id'), table_name='emails')
    op.drop_index(op.f('ix_emails_appointment_id'), table_name='emails')
    op.drop_table('emails')
    op.drop_index('ix_commands_leases', table_name='commands', postgresql_where=sa.text("state IN ('running', 'sending')"))
    op.drop_index('ix_commands_due', table_name='commands', postgresql_where=sa.text("state IN ('pending', 'unknown')"))
    op.drop_table('commands')
    op.drop_index('uq_appointments_idempotency', table_name='appointments', postgresql_where=sa.text('idempotency_key IS NOT NULL'))
    op.drop_index(op.f('ix_appointments_photographer_user_id'), table_name='appointments')
    op.drop_index(op.f('ix_appointments_order_request_appt_id'), table_name='appointments')
    op.drop_index(op.f('ix_appointments_order_id'), table_name='appointments')
    op.drop_table('appointments')
    op.drop_index(op.f('ix_order_request_appts_order_id'), table_name='order_request_appts')
    op.drop_table('order_request_appts')
    op.drop_index(op.f('ix_orders_property_id'), table_name='orders')
    op.drop_index(op.f('ix_orders_company_id'), table_name='orders')
    op.drop_index(op.f('ix_orders_client_id'), table_name='orders')
    op.drop_table('orders')
    op.drop_index(op.f('ix_liaison_companies_company_id'), table_name='liaison_companies')
    op.drop_table('liaison_companies')
    op.drop_index(op.f('ix_tokens_user_id'), table_name='tokens')
    op.drop_table('tokens')
    op.drop_index(op.f('ix_routes_service_id'), table_name='routes')
    op.drop_table('routes')
    op.drop_table('liaisons')
    op.drop_table('employees')
    op.drop_index(op.f('ix_clients_company_id'), table_name='clients')
    op.drop_table('clients')
    op.drop_index('uq_users_email', table_name='users')
    op.drop_table('users')
    op.drop_table('services')
    op.drop_table('properties')
    op.drop_table('companies')
    op.drop_table('applications')
