/**
 * What the simulator has found (`npm run simulate`), each as a spec of its own; the commit that fixed it names the seed.
 */
import { it } from "@effect/vitest"
import { assert } from "vitest"
import { a, b, withPool } from "./support/withPool.ts"

it.effect("keeps a new route while the one that gives way for it is still closing", () =>
  withPool(
    { routesMax: 1 },
    function* ({ ask, factory, pool, touch }) {
      touch(a)
      const caller = ask(b)
      factory.finishCloses()
      caller.release()
      const again = ask(b)
      assert.strictEqual(again.connection, caller.connection)
      again.release()
      assert.deepStrictEqual(
        (yield* pool.stats).routes.map(({ connections, route }) => [route, connections.used]),
        [["test://b:1", 1]]
      )
    },
    { factory: { closes: "manual" } }
  )
)
