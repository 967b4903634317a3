"""What feeds a table's stream to a function."""

import json
from collections.abc import Sequence

from cdktf_cdktf_provider_aws.lambda_event_source_mapping import (
    LambdaEventSourceMapping,
    LambdaEventSourceMappingDestinationConfig,
    LambdaEventSourceMappingDestinationConfigOnFailure,
    LambdaEventSourceMappingFilterCriteria,
    LambdaEventSourceMappingFilterCriteriaFilter,
)
from constructs import Construct

from stacks.constructs.dead_letter_bucket import DeadLetterBucket
from stacks.constructs.function import PythonFunction
from stacks.constructs.table import Table

#: Records that a function gets at most, and how long it waits for them.
BATCH_SIZE, WINDOW_SECONDS = 100, 1
#: Batches of a shard at once; Lambda keeps the records of one item in order. A shard takes at most 1,000 writes
#: a second, and a batch of 100 different shipments is worked on for a third of a second.
PARALLEL_BATCHES = 4
#: What fails 11 times, or for 6 hours, becomes a dead letter: an outage may last for so long, and the stream, which
#: forgets after 24 hours, is not held up by what can never be handled.
RETRIES, RECORD_AGE_SECONDS = 10, 6 * 3600


class StreamMapping(Construct):
    """Gives a function what changes in a table, in batches of which it may handle a part.

    Args:
        events: the kinds of changes: INSERT, MODIFY, REMOVE.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        table: Table,
        events: Sequence[str],
        function: PythonFunction,
        dead_letters: DeadLetterBucket,
    ) -> None:
        super().__init__(scope, id)
        table.grant_stream(function.role)
        dead_letters.grant_write(function.role)
        LambdaEventSourceMapping(
            self,
            "mapping",
            event_source_arn=table.stream_arn,
            function_name=function.arn,
            # A mapping takes minutes to begin; with LATEST it would miss what is written by then.
            starting_position="TRIM_HORIZON",
            filter_criteria=LambdaEventSourceMappingFilterCriteria(
                filter=[
                    LambdaEventSourceMappingFilterCriteriaFilter(
                        pattern=json.dumps({"eventName": list(events)})
                    )
                ]
            ),
            batch_size=BATCH_SIZE,
            maximum_batching_window_in_seconds=WINDOW_SECONDS,
            parallelization_factor=PARALLEL_BATCHES,
            # Together, since by default Lambda repeats a batch that fails until the stream forgets it, and holds
            # everything behind it back.
            function_response_types=["ReportBatchItemFailures"],
            bisect_batch_on_function_error=True,
            maximum_retry_attempts=RETRIES,
            maximum_record_age_in_seconds=RECORD_AGE_SECONDS,
            destination_config=LambdaEventSourceMappingDestinationConfig(
                on_failure=LambdaEventSourceMappingDestinationConfigOnFailure(
                    destination_arn=dead_letters.arn
                )
            ),
        )
