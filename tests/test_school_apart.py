"""The school's faces and objects are nothing to API keys, to the class of the command line, or to other jobs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from commandline import photocall
from lesson_school import LessonSchool, lesson_school
from people import MODEL, person, record
from photocall.app import COLLECTION, SCHOOL_COLLECTION, App, enrolled_faces, pack_of_collection
from photocall.engine.face_engine import FaceEngine
from photocall.engine.packs import load_pack
from photocall.errors import BucketNotFound, CollectionNotFound, ModelMismatch
from photocall.faces import ByteArray, Embedding
from photocall.handlers import Tools, run
from photocall.jobs import Job, Kind
from photocall.kept_photos import photo_key
from photocall.results import announce
from photocall.roster import Student
from photocall.sent_images import SentImage
from photocall.server.operations import OPERATIONS, answer
from photocall.server.shapes import operation_model
from photocall.settings import Settings
from photocall.stores.sql import SqlStore
from photocall.video_handlers import LEAST
from schooling import ADA, school
from servers import jpeg
from wire.clients import client

KEY = "student_photos/s-1_20260901080000.jpg"
BUCKET = "photocall-school"
NAMING = [name for name in OPERATIONS if "CollectionId" in operation_model(name).input_shape.members]


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory, portraits: dict[str, ByteArray]) -> Iterator[LessonSchool]:
    """A school in which Ada is known by a photo."""
    with lesson_school(tmp_path_factory.mktemp("apart"), [ADA]) as school:
        school.agree("s-1")
        photo = jpeg(portraits["astronaut"])
        school.ask("POST", "/students/s-1/portraits", files=[("file", ("a.jpg", photo))])
        school.places.bucket.put(KEY, photo)
        yield school


@pytest.fixture(scope="module")
def rekognition(there: LessonSchool) -> Any:
    return client(there.asked.url)


def refusal(rekognition: Any, method: str, **request: object) -> tuple[str, str]:
    with pytest.raises(rekognition.exceptions.ClientError) as refused:
        getattr(rekognition, method)(**request)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


@pytest.mark.parametrize("operation", [name for name in NAMING if name != "CreateCollection"])
def test_no_operation_knows_the_schools_collection(there: LessonSchool, operation: str) -> None:
    assert len(there.places.faces()) == 1
    with pytest.raises(CollectionNotFound):
        answer(there.asked.service, operation, {"CollectionId": SCHOOL_COLLECTION})
    assert len(there.places.faces()) == 1


def test_the_schools_collection_is_neither_listed_nor_made_nor_tagged(there: LessonSchool, rekognition: Any) -> None:
    assert SCHOOL_COLLECTION in {each.collection_id for each in there.places.store.collections()}
    assert SCHOOL_COLLECTION not in rekognition.list_collections()["CollectionIds"]
    code, why = refusal(rekognition, "create_collection", CollectionId=SCHOOL_COLLECTION)
    assert code == "InvalidParameterException" and "choose another" in why
    arn = f"arn:aws:rekognition:us-east-1:000000000000:collection/{SCHOOL_COLLECTION}"
    assert refusal(rekognition, "list_tags_for_resource", ResourceArn=arn)[0] == "ResourceNotFoundException"
    assert refusal(rekognition, "list_faces", CollectionId=SCHOOL_COLLECTION)[0] == "ResourceNotFoundException"


def test_the_schools_objects_are_no_images_and_no_videos_of_callers(there: LessonSchool, rekognition: Any) -> None:
    def refusals(bucket: str) -> list[tuple[str, str]]:
        place = {"S3Object": {"Bucket": bucket, "Name": KEY}}
        image = refusal(rekognition, "detect_faces", Image=place)
        video = refusal(rekognition, "start_face_detection", Video=place)
        return [(code, why.replace(bucket, "")) for code, why in (image, video)]

    assert refusals(BUCKET) == refusals("no-such-bucket")
    with pytest.raises(BucketNotFound):
        SentImage(KEY, BUCKET).read(there.asked.service.callers_bucket)


def test_what_came_of_a_lessons_photo_is_no_job_of_callers(there: LessonSchool) -> None:
    service, url = there.asked.service, "/v1/jobs/"
    job = Job(Kind.ROLL_CALL, BUCKET, "classroom_photos/a.jpg")
    announce(service.objects, job)
    assert there.asked.client.get(url + job.job_id).status_code == 404
    other = Job(Kind.RECOGNIZE, "photocall-input", "a.jpg")
    announce(service.objects, other)
    assert there.asked.client.get(url + other.job_id).status_code == 200


@pytest.fixture
def tools(there: LessonSchool) -> Tools:
    service = there.asked.service
    assert isinstance(service.store, SqlStore)
    return Tools(App(service.settings, service.engine, service.store))


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.ROLL_CALL])
def test_only_a_roll_call_works_on_the_schools_objects(tools: Tools, kind: Kind) -> None:
    with pytest.raises(BucketNotFound):
        run(tools, Job(kind, BUCKET, KEY), lambda progress: None)


def test_a_search_in_a_video_does_not_know_the_schools_collection(tools: Tools) -> None:
    tools.bucket("lessons").put("a.mp4", b"never looked at")
    options = {"collection": SCHOOL_COLLECTION, LEAST: "80"}
    with pytest.raises(CollectionNotFound):
        run(tools, Job(Kind.FACE_SEARCH, "lessons", "a.mp4", options=options), lambda progress: None)


def test_the_class_of_the_command_line_does_not_know_the_schools_students(there: LessonSchool, tools: Tools) -> None:
    assert enrolled_faces(there.places.store) == [] and len(tools.gallery()) == 0
    assert len(tools.app.gallery(SCHOOL_COLLECTION)) == 1


@pytest.mark.parametrize("collections", [(COLLECTION,), (SCHOOL_COLLECTION,), (COLLECTION, SCHOOL_COLLECTION)])
@pytest.mark.parametrize("is_listed", [True, False])
def test_forgetting_erases_the_faces_of_class_and_school(
    tmp_path: Path, collections: tuple[str, ...], is_listed: bool
) -> None:
    with school(tmp_path) as there:
        store, objects = there.places.store, there.places.objects
        for name in (COLLECTION, SCHOOL_COLLECTION):
            store.create_collection(name, MODEL)
        for name in collections:
            face = record("s-1", person(0), collection_id=name)
            store.put_faces(name, [face, record("s-2", person(1), collection_id=name)])
            objects.put(photo_key(name, face.face_id), b"kept")
        if not is_listed:
            store.remove(Student, student_id="s-1")
        answer = photocall("forget", "s-1", "--data", tmp_path, "--json")
        assert (answer.code, answer.values) == (0, [{"name": "s-1", "faces_erased": len(collections)}])
        left = [face.external_image_id for name in collections for face in store.faces(name)]
        assert left == ["s-2"] * len(collections)
        assert list(objects.list("faces")) == []


# --- which model is loaded


OLD, NEW = "dlib-mtcnn", "standard"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    with SqlStore(f"sqlite:///{tmp_path}/photocall.db") as opened:
        yield opened


def enroll(store: SqlStore, collection_id: str, pack: str, faces: int = 1) -> None:
    model = load_pack(pack).model
    store.create_collection(collection_id, model)
    made = [record("somebody", Embedding(person(0).vector, model), number, collection_id) for number in range(faces)]
    store.put_faces(collection_id, made)


@pytest.mark.parametrize("pack", [OLD, NEW])
def test_where_only_the_school_has_faces_their_model_is_loaded(store: SqlStore, tmp_path: Path, pack: str) -> None:
    settings = Settings(data=tmp_path)
    assert pack_of_collection(store, settings) is None
    enroll(store, COLLECTION, OLD, faces=0)
    assert pack_of_collection(store, settings) == OLD
    enroll(store, SCHOOL_COLLECTION, pack)
    assert pack_of_collection(store, settings) == pack


def test_where_both_have_faces_of_other_models_the_school_says_so(store: SqlStore, engine: FaceEngine) -> None:
    settings = Settings(data=Path("unused"))
    enroll(store, COLLECTION, NEW)
    enroll(store, SCHOOL_COLLECTION, OLD)
    assert pack_of_collection(store, settings) == NEW
    with pytest.raises(ModelMismatch, match="photocall models migrate"):
        App(settings, engine, store).gallery(SCHOOL_COLLECTION)


def test_a_page_says_so_too(tmp_path: Path, portraits: dict[str, ByteArray]) -> None:
    with lesson_school(tmp_path, [ADA], pack=NEW) as there:
        there.places.store.create_collection(SCHOOL_COLLECTION, load_pack(OLD).model)
        there.agree("s-1")
        files = [("file", ("a.jpg", jpeg(portraits["astronaut"])))]
        told = there.ask("POST", "/students/s-1/portraits", files=files, status=409)
        assert told["error"] == "ModelMismatch" and "photocall models migrate" in told["description"]
