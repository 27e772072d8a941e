/**
 * The bounded map that holds secure contexts and sessions.
 */
import { assert, describe, it } from "@effect/vitest"
import { LruMap } from "../src/LruMap.ts"

describe("a least-recently-used map", () => {
  it("lets go of the entry that was read or written longest ago", () => {
    const map = new LruMap<string, number>(3)
    map.set("a", 1)
    map.set("b", 2)
    map.set("c", 3)
    map.get("a")
    map.set("b", 4)
    map.set("d", 5)
    assert.deepStrictEqual([map.get("a"), map.get("b"), map.get("c"), map.get("d")], [1, 4, undefined, 5])
  })

  it("keeps nothing when it may keep nothing", () => {
    const map = new LruMap<string, number>(0)
    map.set("a", 1)
    assert.isUndefined(map.get("a"))
  })

  it("forgets what is deleted", () => {
    const map = new LruMap<string, number>(2)
    map.set("a", 1)
    map.delete("a")
    assert.isUndefined(map.get("a"))
  })
})
