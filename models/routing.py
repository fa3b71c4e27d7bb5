"""Which services and routes are deployed: an operator's switch, not a release (contract.md section 3)."""

from sqlalchemy import BigInteger, Boolean, ForeignKey, Identity, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base


class Service(Base):
    """The API service of one resource, such as `appointments`."""

    __tablename__ = "services"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    slug: Mapped[str] = mapped_column(String(63), unique=True)
    deployed: Mapped[bool] = mapped_column(Boolean, server_default="true")


class Route(Base):
    """One verb and path of a service. `deployed` false answers `route-not-found`."""

    __tablename__ = "routes"
    __table_args__ = (UniqueConstraint("method", "path"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    service_id: Mapped[int] = mapped_column(ForeignKey("services.id", ondelete="CASCADE"), index=True)
    method: Mapped[str] = mapped_column(String(8))
    path: Mapped[str] = mapped_column(String(255))
    deployed: Mapped[bool] = mapped_column(Boolean, server_default="true")
