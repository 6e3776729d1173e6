"""SQLAlchemy's asyncio, which runs its synchronous half in a greenlet."""

from tests.greenlet.program import python


def test_synchronous_code_waits_for_coroutines():
    assert python("""
        import ropewalk
        ropewalk.install()
        import asyncio
        from sqlalchemy.util import await_only, greenlet_spawn

        async def double(number):
            await asyncio.sleep(0)
            return number * 2

        def synchronous(number):
            return await_only(double(await_only(double(number))))

        async def main():
            print(await asyncio.gather(*(greenlet_spawn(synchronous, n) for n in range(5))))
            def fails():
                raise KeyError("seen")
            try:
                await greenlet_spawn(fails)
            except KeyError as error:
                print(error)

        asyncio.run(main())
    """) == ["[0, 4, 8, 12, 16]", "'seen'"]
