"""Collections and tags by an unchanged client."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

Code = Callable[..., str]


def test_a_collection_is_made_described_listed_and_deleted(rekognition: Any, code: Code) -> None:
    name = f"class-{uuid4().hex}"
    made = rekognition.create_collection(CollectionId=name, Tags={"school": "Ada's"[:3]})
    assert made["StatusCode"] == 200
    described = rekognition.describe_collection(CollectionId=name)
    assert (described["FaceCount"], described["UserCount"]) == (0, 0)
    assert (
        described["CollectionARN"]
        == made["CollectionArn"]
        == f"arn:aws:rekognition:us-east-1:000000000000:collection/{name}"
    )
    assert described["FaceModelVersion"] == made["FaceModelVersion"]
    assert abs(described["CreationTimestamp"] - datetime.now(UTC)) < timedelta(minutes=5)
    listed = rekognition.list_collections()
    assert name in listed["CollectionIds"]
    assert len(listed["FaceModelVersions"]) == len(listed["CollectionIds"])
    assert rekognition.delete_collection(CollectionId=name)["StatusCode"] == 200
    assert name not in rekognition.list_collections()["CollectionIds"]
    assert code("describe_collection", CollectionId=name) == "ResourceNotFoundException"
    assert code("delete_collection", CollectionId=name) == "ResourceNotFoundException"


def test_a_name_is_given_once(code: Code, collection: str) -> None:
    assert code("create_collection", CollectionId=collection) == "ResourceAlreadyExistsException"


def test_a_name_can_be_given_again_once_it_is_free(rekognition: Any, collection: str) -> None:
    rekognition.delete_collection(CollectionId=collection)
    rekognition.create_collection(CollectionId=collection)
    assert rekognition.describe_collection(CollectionId=collection)["FaceCount"] == 0


def test_boto3s_paginator_walks_over_every_page(rekognition: Any) -> None:
    made = [f"{'long-' * 40}{uuid4().hex}" for _ in range(7)]
    for name in made:
        rekognition.create_collection(CollectionId=name)
    pages = list(rekognition.get_paginator("list_collections").paginate(PaginationConfig={"PageSize": 2}))
    names = [name for page in pages for name in page["CollectionIds"]]
    assert all(len(page["CollectionIds"]) <= 2 for page in pages)
    assert [name for name in names if name in made] == made
    assert len(names) == len(set(names))


def test_a_made_up_token_is_refused(code: Code, collection: str) -> None:
    assert code("list_collections", NextToken="made up") == "InvalidPaginationTokenException"
    assert code("list_faces", CollectionId=collection, NextToken="bWFkZSB1cA==") == "InvalidPaginationTokenException"


def test_tags_are_added_replaced_and_removed(rekognition: Any, collection: str) -> None:
    arn = rekognition.describe_collection(CollectionId=collection)["CollectionARN"]
    rekognition.tag_resource(ResourceArn=arn, Tags={"year": "2026", "größe": "XL"})
    rekognition.tag_resource(ResourceArn=arn, Tags={"year": "2027"})
    assert rekognition.list_tags_for_resource(ResourceArn=arn)["Tags"] == {"year": "2027", "größe": "XL"}
    rekognition.untag_resource(ResourceArn=arn, TagKeys=["größe", "never there"])
    assert rekognition.list_tags_for_resource(ResourceArn=arn)["Tags"] == {"year": "2027"}


def test_tags_given_with_a_new_collection_are_there(rekognition: Any) -> None:
    name = f"tagged-{uuid4().hex}"
    arn = rekognition.create_collection(CollectionId=name, Tags={"a": ""})["CollectionArn"]
    assert rekognition.list_tags_for_resource(ResourceArn=arn)["Tags"] == {"a": ""}


def test_there_are_at_most_200_tags(rekognition: Any, code: Code, collection: str) -> None:
    arn = rekognition.describe_collection(CollectionId=collection)["CollectionARN"]
    rekognition.tag_resource(ResourceArn=arn, Tags={f"tag {number}": "" for number in range(200)})
    assert code("tag_resource", ResourceArn=arn, Tags={"one more": ""}) == "ServiceQuotaExceededException"
    assert len(rekognition.list_tags_for_resource(ResourceArn=arn)["Tags"]) == 200


def test_an_arn_of_nothing_is_told_apart_from_no_arn(code: Code) -> None:
    arn = "arn:aws:rekognition:us-east-1:000000000000:collection/nobody"
    assert code("list_tags_for_resource", ResourceArn=arn) == "ResourceNotFoundException"
    assert code("tag_resource", ResourceArn=arn.replace("us-east-1", "mars-1"), Tags={}) == "ResourceNotFoundException"
    assert (
        code("untag_resource", ResourceArn="arn:aws:s3:::a-bucket-of-photos", TagKeys=[]) == "InvalidParameterException"
    )
