import asyncio

from imagejobs_contract.redis.client import connect


def test_a_cancellation_that_meets_the_end_of_sending_is_not_lost(redis_url):
    async def story():
        async with connect(redis_url) as client:
            await client.ping()
            connection = client.connection_pool.connection_class
            send, moments = connection._send_packed_command, [lambda: looping.cancel()]

            async def send_and_cancel(self, command):
                await send(self, command)
                if moments:
                    moments.pop()()

            async def loop():
                while True:
                    await client.ping()

            connection._send_packed_command = send_and_cancel
            looping = asyncio.create_task(loop())
            await asyncio.wait({looping}, timeout=5)
            assert looping.cancelled()
            assert await client.echo("next") == "next"

    asyncio.run(story())
