import { describe, expect, it } from "vitest"
import { createPool } from "../src/index.ts"

const counted = () => {
  const open = new Set<number>()
  let opened = 0
  const factory = {
    connect: async () => {
      const id = ++opened
      open.add(id)
      return await Promise.resolve(id)
    },
    close: (id: number) => {
      open.delete(id)
    }
  }
  return { open, factory }
}

describe("createPool", () => {
  it("lends no more resources than the limit, and gives them on in order", async () => {
    const resources = counted()
    const pool = createPool({ ...resources.factory, connectionsPerRouteMax: 2 })
    const first = await pool.acquire()
    const second = await pool.acquire()
    const third = pool.acquire()
    expect(pool.stats().pending.used).toBe(1)
    first.release()
    expect((await third).resource).toBe(first.resource)
    second.release()
    ;(await third).release()
    await pool.close()
    expect(resources.open.size).toBe(0)
  })

  it("closes a resource whose user failed, and returns one whose user did not", async () => {
    const resources = counted()
    const pool = createPool(resources.factory)
    await expect(pool.use(() => Promise.reject(new Error("broken")))).rejects.toThrow("broken")
    expect(resources.open.size).toBe(0)
    expect(await pool.use((id) => id)).toBe(2)
    expect(resources.open.size).toBe(1)
    await pool.close()
  })

  it("ignores a second release, which by then would be somebody else's", async () => {
    const resources = counted()
    const pool = createPool({ ...resources.factory, connectionsPerRouteMax: 1 })
    const first = await pool.acquire()
    first.release()
    const second = await pool.acquire()
    first.release()
    first.destroy()
    expect(pool.stats().active.used).toBe(1)
    expect(resources.open.size).toBe(1)
    second.release()
    await pool.close()
  })

  it("fails a caller at its deadline with a code, and one whose signal is aborted with the signal's reason", async () => {
    const pool = createPool({ ...counted().factory, connectionsPerRouteMax: 1 })
    const held = await pool.acquire({ holder: "the holder" })
    await expect(pool.acquire({ timeoutMillis: 20 })).rejects.toMatchObject({ code: "WEIR_ACQUIRE_TIMEOUT" })
    const controller = new AbortController()
    const waiting = pool.acquire({ signal: controller.signal })
    controller.abort(new Error("mine"))
    await expect(waiting).rejects.toThrow("mine")
    expect(pool.explain()).toContain("the holder")
    held.release()
    await pool.close()
  })

  it("opens another where validation says no", async () => {
    const resources = counted()
    const pool = createPool({ ...resources.factory, validate: (id) => id !== 1, validateAfterInactivity: 0 })
    expect(await pool.use((id) => id)).toBe(1)
    await new Promise((resolve) => setTimeout(resolve, 5))
    expect(await pool.use((id) => id)).toBe(2)
    expect([...resources.open]).toEqual([2])
    await pool.close()
  })

  it("tells a caller why connecting failed", async () => {
    const pool = createPool({ connect: () => Promise.reject(new Error("no database")), close: () => {} })
    await expect(pool.acquire()).rejects.toMatchObject({
      code: "WEIR_CONNECT_FAILED",
      cause: { message: "no database" }
    })
    await pool.close()
  })
})
