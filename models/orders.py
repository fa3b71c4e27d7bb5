"""What appointments belong to: orders, the property that is photographed, and requests for an appointment.

These records are mastered by other systems and imported with their ids (`flask import`).
"""

from sqlalchemy import BigInteger, CheckConstraint, Double, ForeignKey, Identity, String
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base


class Property(Base):
    """Where the photographer goes. Its zone is the *local* frame: IANA name, else position, else ZIP.

    Latitude and longitude are WGS 84 degrees. What is unknown is null, never a guess.
    """

    __tablename__ = "properties"
    __table_args__ = (
        CheckConstraint("latitude BETWEEN -90 AND 90", name="latitude_on_earth"),
        CheckConstraint("longitude BETWEEN -180 AND 180", name="longitude_on_earth"),
        CheckConstraint("(latitude IS NULL) = (longitude IS NULL)", name="position_whole"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    address: Mapped[str] = mapped_column(String(500), server_default="")
    time_zone: Mapped[str | None] = mapped_column(String(63))
    latitude: Mapped[float | None] = mapped_column(Double)
    longitude: Mapped[float | None] = mapped_column(Double)
    zip: Mapped[str | None] = mapped_column(String(10))


class Order(Base):
    """A client's order for one property."""

    __tablename__ = "orders"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    client_id: Mapped[int | None] = mapped_column(ForeignKey("clients.id"), index=True)
    company_id: Mapped[int | None] = mapped_column(ForeignKey("companies.id"), index=True)
    property_id: Mapped[int | None] = mapped_column(ForeignKey("properties.id"), index=True)


class OrderRequestAppt(Base):
    """A client's wish for an appointment within an order; the appointment that fulfils it refers to it."""

    __tablename__ = "order_request_appts"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id", ondelete="CASCADE"), index=True)
