"""receipts of erasures, daily jobs"""

from alembic import op
import sqlalchemy as sa

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "erasures",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("conversation", sa.String(length=255), nullable=False),
        sa.Column("by", sa.String(length=100), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasures")),
        sa.UniqueConstraint("number", name=op.f("uq_erasures_number")),
    )
    op.create_index(op.f("ix_erasures_conversation"), "erasures", ["conversation"])
    op.create_table(
        "jobs",
        sa.Column("name", sa.String(length=50), nullable=False),
        sa.Column("claimed_by", sa.String(length=40), nullable=True),
        sa.Column("claimed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_jobs")),
    )
    op.create_index(op.f("ix_content_gaps_conversation"), "content_gaps", ["conversation"])


def downgrade() -> None:
    op.drop_index(op.f("ix_content_gaps_conversation"), "content_gaps")
    op.drop_table("jobs")
    op.drop_index(op.f("ix_erasures_conversation"), "erasures")
    op.drop_table("erasures")
