"""A manufacturing execution system as the requirement prescribes it: FastAPI, SQLAlchemy 2.0 (async) on asyncpg, PostgreSQL,
gunicorn with uvicorn workers. Start and completion of processes with the same rules, the same answers in short, the same rows
and the same audit as Nightshift's, and the list of lots. Written to be fast: one transaction and as few round trips as the
rules allow, prepared statements, uvloop and httptools, orjson, no session objects where rows are enough.
"""

import asyncio
import datetime
import os
import time
from contextlib import asynccontextmanager

import jwt
import orjson
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from sqlalchemy import (
    JSON, BigInteger, Boolean, Column, DateTime, ForeignKey, Index, Integer, MetaData, Table, Text, func, insert, select, text, update,
)
from sqlalchemy.ext.asyncio import create_async_engine

DATABASE_URL = os.environ["MES_DATABASE_URL"]
# All workers together stay below the server's 100 connections.
POOL = int(os.environ.get("MES_POOL", "10"))
OVERFLOW = int(os.environ.get("MES_OVERFLOW", "5"))
SECRET = os.environ.get("MES_SECRET", "a-secret-of-this-benchmark-alone-32-bytes")
PASSWORD = os.environ.get("MES_PASSWORD", "Night-Shift-42")
TOKEN_LIFE_S = 900
# How long a user is believed without asking the database, as Nightshift does.
USER_KNOWN_S = 5.0
LABELS = 7

metadata = MetaData()
now = lambda: datetime.datetime.now(datetime.timezone.utc)  # noqa: E731

users = Table(
    "app_user", metadata,
    Column("id", BigInteger, primary_key=True), Column("username", Text, unique=True, nullable=False),
    Column("role", Text, nullable=False), Column("is_active", Boolean, nullable=False, default=True),
)
product_models = Table(
    "product_model", metadata,
    Column("id", BigInteger, primary_key=True), Column("model_code", Text, unique=True, nullable=False),
    Column("model_name", Text, nullable=False),
)
lots = Table(
    "lot", metadata,
    Column("id", BigInteger, primary_key=True), Column("lot_number", Text, unique=True, nullable=False),
    Column("product_model_id", ForeignKey("product_model.id"), nullable=False), Column("target_quantity", Integer, nullable=False),
    Column("actual_quantity", Integer, nullable=False, default=0), Column("passed_quantity", Integer, nullable=False, default=0),
    Column("failed_quantity", Integer, nullable=False, default=0), Column("status", Text, nullable=False, default="CREATED"),
    Column("created_at", DateTime(timezone=True), nullable=False), Column("updated_at", DateTime(timezone=True), nullable=False),
    Index("lot_status", "status", "id"),
)
serials = Table(
    "serial", metadata,
    Column("id", BigInteger, primary_key=True), Column("serial_number", Text, unique=True, nullable=False),
    Column("lot_id", ForeignKey("lot.id"), nullable=False), Column("sequence_in_lot", Integer, nullable=False),
    Column("status", Text, nullable=False, default="CREATED"), Column("updated_at", DateTime(timezone=True), nullable=False),
    Index("serial_lot", "lot_id", "sequence_in_lot", unique=True),
)
runs = Table(
    "process_run", metadata,
    Column("id", BigInteger, primary_key=True), Column("lot_id", ForeignKey("lot.id"), nullable=False),
    Column("serial_id", ForeignKey("serial.id"), nullable=False), Column("process_number", Integer, nullable=False),
    Column("operator_id", ForeignKey("app_user.id"), nullable=False), Column("started_at", DateTime(timezone=True), nullable=False),
    Column("completed_at", DateTime(timezone=True)), Column("result", Text), Column("process_data", JSON),
    Index("run_serial", "serial_id", "process_number"),
)
audit = Table(
    "audit_log", metadata,
    Column("id", BigInteger, primary_key=True), Column("at", DateTime(timezone=True), nullable=False),
    Column("user_id", BigInteger, nullable=False), Column("action", Text, nullable=False), Column("entity_type", Text, nullable=False),
    Column("entity_id", BigInteger, nullable=False), Column("after", JSON),
)

engine = create_async_engine(DATABASE_URL, pool_size=POOL, max_overflow=OVERFLOW, pool_pre_ping=False)


async def prepare() -> None:
    """Makes the tables once, whichever worker comes first."""
    async with engine.begin() as db:
        await db.execute(text("SELECT pg_advisory_xact_lock(42)"))
        await db.run_sync(metadata.create_all)
        if (await db.execute(select(func.count()).select_from(users))).scalar_one() == 0:
            await db.execute(insert(users).values(username="admin", role="ADMIN", is_active=True))


class Answer(JSONResponse):
    """Given as it is: nothing looks through it again before it is written."""

    def render(self, content) -> bytes:
        return orjson.dumps(content)


@asynccontextmanager
async def lifespan(_: FastAPI):
    await prepare()
    yield
    await engine.dispose()


app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None)


@app.exception_handler(HTTPException)
async def problem(_: Request, error: HTTPException) -> Answer:
    code, detail = error.detail if isinstance(error.detail, tuple) else ("ERROR", error.detail)
    return Answer({"detail": detail, "code": code, "status": error.status_code}, status_code=error.status_code)


def refuse(status: int, code: str, detail: str) -> HTTPException:
    return HTTPException(status, detail=(code, detail))


class Login(BaseModel):
    username: str = Field(max_length=50)
    password: str = Field(max_length=128)


class NewModel(BaseModel):
    model_code: str = Field(min_length=1, max_length=50)
    model_name: str = Field(min_length=1, max_length=200)


class NewLot(BaseModel):
    product_model_id: int
    target_quantity: int = Field(ge=1, le=100)


class NewSerial(BaseModel):
    lot_id: int


class Start(BaseModel):
    lot_number: str = Field(max_length=50)
    serial_number: str = Field(max_length=60)
    process_id: int = Field(ge=1, le=8)
    worker_id: str = Field(max_length=50)


class Complete(Start):
    result: str = Field(pattern="^(PASS|FAIL)$")
    process_data: dict = Field(default_factory=dict)


_known: dict[int, float] = {}


async def caller(request: Request) -> int:
    """Who asks: a valid token of a user who still is."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise refuse(401, "NOT_AUTHENTICATED", "Not authenticated")
    try:
        user_id = int(jwt.decode(token, SECRET, algorithms=["HS256"])["sub"])
    except (jwt.PyJWTError, KeyError, ValueError):
        raise refuse(401, "NOT_AUTHENTICATED", "Not authenticated") from None
    if time.monotonic() - _known.get(user_id, -USER_KNOWN_S) >= USER_KNOWN_S:
        async with engine.connect() as db:
            active = (await db.execute(select(users.c.is_active).where(users.c.id == user_id))).scalar_one_or_none()
        if not active:
            raise refuse(401, "NOT_AUTHENTICATED", "Not authenticated")
        _known[user_id] = time.monotonic()
    return user_id


@app.get("/api/v1/health/readiness")
async def readiness():
    async with engine.connect() as db:
        await db.execute(text("SELECT 1"))
    return Answer({"status": "ready"})


@app.post("/api/v1/auth/login")
async def login(given: Login):
    async with engine.connect() as db:
        user = (await db.execute(select(users.c.id).where(users.c.username == given.username))).scalar_one_or_none()
    if user is None or given.password != PASSWORD:
        raise refuse(401, "INVALID_CREDENTIALS", "Wrong name or password")
    token = jwt.encode({"sub": str(user), "exp": int(time.time()) + TOKEN_LIFE_S}, SECRET, algorithm="HS256")
    return Answer({"access_token": token, "token_type": "bearer"})


@app.post("/api/v1/product-models", status_code=201)
async def model_create(given: NewModel, user: int = Depends(caller)):
    async with engine.begin() as db:
        row = (await db.execute(insert(product_models).values(**given.model_dump()).returning(product_models.c.id))).one()
        await note(db, user, "CREATE", "product_model", row.id, given.model_dump())
    return Answer({"id": row.id, **given.model_dump()}, status_code=201)


@app.post("/api/v1/lots", status_code=201)
async def lot_create(given: NewLot, user: int = Depends(caller)):
    at = now()
    async with engine.begin() as db:
        # One number after the other: the model's row is the queue.
        model = (
            await db.execute(
                select(product_models.c.model_code).where(product_models.c.id == given.product_model_id).with_for_update()
            )
        ).scalar_one_or_none()
        if model is None:
            raise refuse(404, "PRODUCT_MODEL_NOT_FOUND", "no such product model")
        count = (await db.execute(select(func.count()).where(lots.c.product_model_id == given.product_model_id))).scalar_one()
        number = f"{model}-KR-{at:%y%m%d}D-{count + 1:03d}"
        values = dict(given.model_dump(), lot_number=number, status="CREATED", actual_quantity=0, passed_quantity=0,
                      failed_quantity=0, created_at=at, updated_at=at)
        row = (await db.execute(insert(lots).values(**values).returning(lots.c.id))).one()
        await note(db, user, "CREATE", "lot", row.id, given.model_dump())
    return Answer({"id": row.id, **values}, status_code=201)


@app.get("/api/v1/lots")
async def lot_list(skip: int = 0, limit: int = 100, status: str | None = None, user: int = Depends(caller)):
    query = select(lots, product_models.c.model_code).join(product_models).order_by(lots.c.id.desc())
    total = select(func.count()).select_from(lots)
    if status is not None:
        query, total = query.where(lots.c.status == status), total.where(lots.c.status == status)
    async with engine.connect() as db:
        found = await db.execute(query.offset(max(skip, 0)).limit(min(max(limit, 1), 1000)))
        count = (await db.execute(total)).scalar_one()
    # SQLAlchemy's names are a kind of str that orjson does not take.
    names = [str(name) for name in found.keys()]
    return Answer([dict(zip(names, row)) for row in found], headers={"X-Total-Count": str(count)})


@app.get("/api/v1/lots/{lot_id}")
async def lot_show(lot_id: int, user: int = Depends(caller)):
    async with engine.connect() as db:
        row = (await db.execute(select(lots).where(lots.c.id == lot_id))).mappings().one_or_none()
    if row is None:
        raise refuse(404, "LOT_NOT_FOUND", "no such lot")
    return Answer({str(name): value for name, value in row.items()})


@app.post("/api/v1/serials", status_code=201)
async def serial_create(given: NewSerial, user: int = Depends(caller)):
    at = now()
    async with engine.begin() as db:
        lot = (await db.execute(select(lots).where(lots.c.id == given.lot_id).with_for_update())).mappings().one_or_none()
        if lot is None:
            raise refuse(404, "LOT_NOT_FOUND", "no such lot")
        place = lot["actual_quantity"] + 1
        if place > lot["target_quantity"]:
            raise refuse(400, "LOT_FULL", "the lot has all of its units")
        number = f"{lot['lot_number']}-{place:04d}"
        values = dict(lot_id=given.lot_id, serial_number=number, sequence_in_lot=place, status="CREATED", updated_at=at)
        row = (await db.execute(insert(serials).values(**values).returning(serials.c.id))).one()
        await db.execute(update(lots).where(lots.c.id == given.lot_id).values(actual_quantity=place, updated_at=at))
        await note(db, user, "CREATE", "serial", row.id, {"serial_number": number})
    return Answer({"id": row.id, **values}, status_code=201)


async def unit_of(db, given: Start) -> dict:
    """The unit with its lot, its rows locked against whoever reports on it at the same time."""
    query = (
        select(serials.c.id, serials.c.status, serials.c.lot_id, lots.c.status.label("lot_status"), lots.c.target_quantity)
        .join(lots)
        .where(serials.c.serial_number == given.serial_number, lots.c.lot_number == given.lot_number)
        .with_for_update(of=serials)
    )
    unit = (await db.execute(query)).mappings().one_or_none()
    if unit is None:
        raise refuse(404, "SERIAL_NOT_FOUND", "no such unit in this lot")
    return unit


async def history_of(db, serial_id: int) -> list:
    query = select(runs.c.id, runs.c.process_number, runs.c.result).where(runs.c.serial_id == serial_id)
    return (await db.execute(query)).all()


async def note(db, user: int, action: str, kind: str, entity: int, after: dict) -> None:
    values = dict(at=now(), user_id=user, action=action, entity_type=kind, entity_id=entity, after=after)
    await db.execute(insert(audit).values(**values))


@app.post("/api/v1/process/start")
async def process_start(given: Start, user: int = Depends(caller)):
    at, number = now(), given.process_id
    async with engine.begin() as db:
        unit = await unit_of(db, given)
        if unit["lot_status"] not in ("CREATED", "IN_PROGRESS"):
            raise refuse(400, "LOT_NOT_ACTIVE", "the lot is not under way")
        done = await history_of(db, unit["id"])
        if any(run.process_number == number and run.result is None for run in done):
            raise refuse(409, "DUPLICATE_START", "the process has been started")
        passed = {run.process_number for run in done if run.result == "PASS"}
        if number in passed:
            raise refuse(409, "PROCESS_ALREADY_PASSED", "the process has been passed")
        if number > 1 and number - 1 not in passed:
            raise refuse(400, "PREVIOUS_PROCESS_NOT_COMPLETED", "the process before has not been passed")
        if number == LABELS and len(passed & set(range(1, LABELS))) < LABELS - 1:
            raise refuse(400, "INVALID_PROCESS_SEQUENCE", f"Process 7 requires all previous processes (1-6) to be PASS. Current PASS count: {len(passed)}")
        values = dict(lot_id=unit["lot_id"], serial_id=unit["id"], process_number=number, operator_id=user, started_at=at)
        row = (await db.execute(insert(runs).values(**values).returning(runs.c.id))).one()
        if unit["status"] == "CREATED":
            await db.execute(update(serials).where(serials.c.id == unit["id"]).values(status="IN_PROGRESS", updated_at=at))
        if unit["lot_status"] == "CREATED":
            await db.execute(update(lots).where(lots.c.id == unit["lot_id"]).values(status="IN_PROGRESS", updated_at=at))
        await note(db, user, "CREATE", "process_run", row.id, {"process": number})
    return Answer({"status": "success", "message": "started", "data": {"id": row.id, "process_number": number, "started_at": at}})


@app.post("/api/v1/process/complete")
async def process_complete(given: Complete, user: int = Depends(caller)):
    at, number, passes = now(), given.process_id, given.result == "PASS"
    async with engine.begin() as db:
        unit = await unit_of(db, given)
        done = await history_of(db, unit["id"])
        open_run = next((run for run in done if run.process_number == number and run.result is None), None)
        if open_run is None:
            if any(run.process_number == number and run.result == "PASS" for run in done):
                raise refuse(409, "DUPLICATE_PASS_COMPLETE", "the process has been passed")
            raise refuse(400, "PROCESS_NOT_STARTED", "the process has not been started")
        await db.execute(
            update(runs).where(runs.c.id == open_run.id).values(completed_at=at, result=given.result, process_data=given.process_data)
        )
        if not passes or number == 8:
            status = "PASSED" if passes else "FAILED"
            await db.execute(update(serials).where(serials.c.id == unit["id"]).values(status=status, updated_at=at))
            column = lots.c.passed_quantity if passes else lots.c.failed_quantity
            counted = update(lots).where(lots.c.id == unit["lot_id"]).values({column: column + 1, lots.c.updated_at: at})
            row = (await db.execute(counted.returning(lots.c.passed_quantity, lots.c.failed_quantity, lots.c.target_quantity))).one()
            if row.passed_quantity + row.failed_quantity >= row.target_quantity:
                await db.execute(update(lots).where(lots.c.id == unit["lot_id"]).values(status="COMPLETED"))
        await note(db, user, "UPDATE", "process_run", open_run.id, {"process": number, "result": given.result})
    return Answer({"status": "success", "message": "completed", "data": {"id": open_run.id, "process_number": number, "result": given.result}})


if __name__ == "__main__":
    asyncio.run(prepare())
