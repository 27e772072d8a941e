import { Buffer } from "node:buffer"
import { describe, expect, it } from "@effect/vitest"
import type { RequestHead, Session } from "@weir/http1"
import type { ConnectionHandler } from "@weir/transport"
import type { MemoryConnection } from "../../../test/support/MemoryConnection.ts"
import { openSession, Recorder, request } from "./Recorder.ts"

const answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
const sized = (byteCount: number): Partial<RequestHead> => ({ method: "POST", body: { _tag: "sized", byteCount } })
const upgrade: Partial<RequestHead> = { headers: ["Host", "a.test", "Upgrade", "echo"], isUpgrade: true }

describe("A session", () => {
  it("is busy from the start to the receiver's last call, in which it is free", () => {
    const { connection, session } = openSession()
    const busy: Array<boolean> = []
    const note = () => busy.push(session.isBusy)
    expect(session.isBusy).toBe(false)
    session.start(request(), new Recorder({ onHead: note, onBody: note, onComplete: note }))
    expect(session.isBusy).toBe(true)
    connection.send(answer)
    expect(busy).toEqual([true, true, false])
  })

  it("starts the next exchange inside the last call of the one before, again and again", () => {
    const { connection, session } = openSession()
    const recorders = Array.from({ length: 100 }, (_, index): Recorder => {
      return new Recorder({
        onComplete: () => {
          const next = recorders[index + 1]
          if (next !== undefined) session.start(request({ target: `/${index + 1}` }), next)
        }
      })
    })
    session.start(request({ target: "/0" }), recorders[0] ?? new Recorder())
    for (const _ of recorders) connection.send(answer)
    expect(connection.writes).toHaveLength(100)
    expect(connection.writes[99]).toMatch(/^GET \/99 /)
    expect(recorders.map(({ heard }) => heard.length)).toEqual(recorders.map(() => 3))
    expect(session.isBusy).toBe(false)
  })

  it("starts the next exchange from another session's last call", () => {
    const one = openSession()
    const other = openSession()
    const recorder = new Recorder()
    one.session.start(request(), new Recorder({ onComplete: () => other.session.start(request(), recorder) }))
    one.connection.send(answer)
    other.connection.send(answer)
    expect(recorder.last).toEqual({ complete: "reusable", trailers: [] })
  })

  it("throws when an exchange is started while one runs", () => {
    const { session } = openSession()
    session.start(request(), new Recorder())
    expect(() => session.start(request(), new Recorder())).toThrow("an exchange is running")
  })

  it("lends its connection to another reader, and hears of it again once it is taken back", () => {
    const { connection, owner, session } = openSession()
    const heard: Array<string> = []
    const reader: ConnectionHandler = {
      onData: (chunk) => heard.push(Buffer.from(chunk).toString()),
      onEnd: () => heard.push("end"),
      onDrain: () => heard.push("drain"),
      onClose: () => heard.push("close")
    }
    session.lend(reader)
    connection.send("for the other")
    const refused = new Recorder()
    session.start(request(), refused)
    expect(refused.heard).toMatchObject([{ failure: "ConnectionClosed unsent" }])
    expect([heard, owner.heard]).toEqual([["for the other"], []])
    session.takeBack()
    const recorder = new Recorder()
    session.start(request(), recorder)
    connection.send(answer)
    expect(recorder.last).toEqual({ complete: "reusable", trailers: [] })
    session.start(request(), new Recorder())
    expect(() => session.lend(reader)).toThrow("an exchange is running")
  })

  it("stays usable after a head that cannot be written, and has written nothing", () => {
    const { connection, session } = openSession()
    const refused = new Recorder()
    session.start(request({ target: "/a b" }), refused)
    expect(refused.heard).toEqual([{ failure: "InvalidRequest unsent", detail: expect.stringContaining("0x20") }])
    expect(connection.writes).toEqual([])
    expect(session.isBusy).toBe(false)
    const recorder = new Recorder()
    session.start(request(), recorder)
    connection.send(answer)
    expect(recorder.last).toEqual({ complete: "reusable", trailers: [] })
  })

  it("fails what is started on a connection that is no longer open as unsent", () => {
    const { connection, session } = openSession()
    connection.end()
    const recorder = new Recorder()
    session.start(request(), recorder)
    expect(recorder.heard).toMatchObject([{ failure: "ConnectionClosed unsent" }])
    expect(connection.writes).toEqual([])
  })
})

describe("A connection's end during an exchange", () => {
  const ends: ReadonlyArray<readonly [string, string, string]> = [
    ["", "ConnectionClosed sent", "before any byte of the answer"],
    ["HTTP/1.1 2", "ConnectionClosed response-started", "in the head of the answer, after 10 of its bytes"],
    [
      "HTTP/1.1 100 Continue\r\n\r\n",
      "ConnectionClosed response-started",
      "in the head of the answer, after 0 of its bytes"
    ],
    [
      "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi",
      "ConnectionClosed head-received",
      "with 7 of 9 body bytes missing"
    ],
    [
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe",
      "ConnectionClosed head-received",
      "in a chunked body, before its last chunk"
    ],
    [
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n",
      "ConnectionClosed head-received",
      "in the trailer section"
    ]
  ]
  for (const [text, failure, position] of ends) {
    it(`by FIN fails it, saying how far it had come: ${position}`, () => {
      const { connection, owner, session } = openSession()
      const recorder = new Recorder()
      session.start(request(), recorder)
      if (text !== "") connection.send(text)
      connection.finish()
      expect(recorder.last).toEqual({ failure, detail: `the peer closed the connection ${position}` })
      connection.settle()
      expect(owner.heard).toEqual(["closed"])
    })
  }

  it("by a failure fails it with the failure as cause, even where a body ends with the connection", () => {
    const { connection, owner, session } = openSession()
    const recorder = new Recorder()
    session.start(request(), recorder)
    connection.send("HTTP/1.1 200 OK\r\n\r\nhi")
    connection.breakDown()
    expect(recorder.last).toEqual({
      failure: "ConnectionFailed head-received",
      detail:
        "the connection failed in a body that ends with the connection: 192.0.2.1:80: io: the peer reset the connection"
    })
    expect(owner.heard).toMatchObject([{ _tag: "TransportError", reason: "Reset" }])
  })

  it("by our own side, behind the session's back, fails it too", () => {
    const { connection, owner, session } = openSession()
    const recorder = new Recorder()
    session.start(request(), recorder)
    connection.close()
    connection.settle()
    expect(recorder.heard).toEqual([
      { failure: "ConnectionClosed sent", detail: "the connection was closed before any byte of the answer" }
    ])
    expect(owner.heard).toEqual(["closed"])
  })
})

describe("The next exchange", () => {
  it("fails with how far it had come itself, whatever the one before had reached", () => {
    const { connection, session } = openSession()
    session.start(request(), new Recorder())
    connection.send(answer)
    const recorder = new Recorder()
    session.start(request(), recorder)
    connection.finish()
    expect(recorder.heard).toMatchObject([{ failure: "ConnectionClosed sent" }])
  })
})

describe("An idle session", () => {
  const events: ReadonlyArray<readonly [string, (connection: MemoryConnection) => void, ReadonlyArray<unknown>]> = [
    ["an answer nobody asked for", (connection) => connection.send(answer), ["data", "closed"]],
    ["one stray byte", (connection) => connection.send("\n"), ["data", "closed"]],
    [
      "a 408",
      (connection) => connection.send("HTTP/1.1 408 Request Timeout\r\n\r\n"),
      ["request-timeout-408", "closed"]
    ],
    ["a 408 of HTTP/1.0", (connection) => connection.send("HTTP/1.0 408"), ["request-timeout-408", "closed"]],
    ["what only resembles a 408", (connection) => connection.send("HTTP/1.1 4080 x"), ["data", "closed"]],
    ["another status", (connection) => connection.send("HTTP/1.1 409 x"), ["data", "closed"]],
    ["FIN", (connection) => connection.finish(), ["end", "closed"]],
    ["a failure", (connection) => connection.breakDown(), ["error", expect.objectContaining({ reason: "Reset" })]],
    ["our own close", (connection) => connection.close(), ["closed"]]
  ]
  for (const [title, act, heard] of events) {
    it(`tells its owner and closes the connection: ${title}`, () => {
      for (const isUsed of [false, true]) {
        const { connection, owner, session } = openSession()
        const recorder = new Recorder()
        if (isUsed) {
          session.start(request(), recorder)
          connection.send(answer)
        }
        act(connection)
        connection.settle()
        expect(connection.isOpen).toBe(false)
        expect(owner.heard).toEqual(heard)
        expect(recorder.heard).toHaveLength(isUsed ? 3 : 0)
      }
    })
  }

  it("tells its owner once of what came in several reads", () => {
    const { connection, owner } = openSession()
    connection.send("HTTP/1.1 4")
    connection.send("08 Request Timeout\r\n\r\n")
    connection.finish()
    connection.settle()
    expect(owner.heard).toEqual(["data", "closed"])
  })
})

describe("Abort", () => {
  for (const call of ["onInformational", "onHead", "onBody"] as const) {
    it(`in ${call} closes the connection, and nothing more is heard`, () => {
      const { connection, owner, session } = openSession()
      const recorder = new Recorder({ [call]: () => session.abort() })
      session.start(request(), recorder)
      connection.send(
        "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n1\r\ny\r\nbad"
      )
      const counts = { onInformational: 1, onHead: 2, onBody: 3 }
      expect(recorder.heard).toHaveLength(counts[call])
      if (call === "onBody") expect(recorder.last).toEqual({ body: "x" })
      expect(recorder.readCount).toBe(0)
      expect(session.isBusy).toBe(false)
      connection.settle()
      expect(owner.heard).toEqual(["closed"])
    })
  }

  it("in onHead of an answer without a body leaves no completion behind", () => {
    const { connection, session } = openSession()
    const recorder = new Recorder({ onHead: () => session.abort() })
    session.start(request(), recorder)
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    expect(recorder.heard).toHaveLength(1)
  })

  it("before any answer closes the connection without a failure", () => {
    const { connection, owner, session } = openSession()
    const recorder = new Recorder()
    session.start(request(sized(5)), recorder)
    session.abort()
    expect(session.writeBody(Buffer.from("hello"))).toBe(false)
    session.endBody()
    connection.settle()
    expect(connection.isOpen).toBe(false)
    expect(recorder.heard).toEqual([])
    expect(owner.heard).toEqual(["closed"])
  })

  it("while idle, late or twice, does nothing", () => {
    const { connection, session } = openSession()
    session.start(request(), new Recorder({ onComplete: () => session.abort() }))
    connection.send(answer)
    session.abort()
    expect(connection.isOpen).toBe(true)
  })
})

describe("Pause", () => {
  it("stops the reading until resume, but not what had been read", () => {
    const { connection, session } = openSession()
    const recorder = new Recorder({ onHead: () => session.pause() })
    session.start(request(), recorder)
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
    expect(connection.isPaused).toBe(true)
    connection.send("cd")
    expect(recorder.last).toEqual({ body: "ab" })
    session.resume()
    connection.settle()
    expect(recorder.heard.slice(1)).toEqual([{ body: "abcd" }, { complete: "reusable", trailers: [] }])
  })

  it("ends with the exchange, so that the idle connection is watched", () => {
    const { connection, owner, session } = openSession()
    session.start(request(), new Recorder({ onHead: () => session.pause() }))
    connection.send(answer)
    expect(connection.isPaused).toBe(false)
    connection.finish()
    expect(owner.heard).toEqual(["end", "closed"])
  })

  it("does nothing while idle, nor after the exchange", () => {
    const { connection, session } = openSession()
    session.pause()
    expect(connection.isPaused).toBe(false)
    session.start(request(), new Recorder({ onComplete: () => session.pause() }))
    connection.send(answer)
    expect(connection.isPaused).toBe(false)
  })

  it("does not outlast an abort", () => {
    const { connection, owner, session } = openSession()
    session.start(request(), new Recorder())
    session.pause()
    session.abort()
    connection.settle()
    expect(owner.heard).toEqual(["closed"])
  })
})

describe("An upgraded connection", () => {
  const switching = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\n\r\n"
  const start = (session: Session, attach: () => void): Recorder => {
    const recorder = new Recorder({ onUpgrade: attach })
    session.start(request(upgrade), recorder)
    return recorder
  }

  it("speaks to the handler that the receiver attached, and no more to the session or its owner", () => {
    const { connection, owner, session } = openSession()
    const heard: Array<string> = []
    const recorder = start(session, () =>
      connection.attach({
        onData: (chunk) => heard.push(Buffer.from(chunk).toString()),
        onEnd: () => heard.push("end"),
        onDrain: () => {},
        onClose: () => heard.push("close")
      })
    )
    connection.send(`${switching}rest`)
    connection.send("more")
    connection.finish()
    connection.close()
    connection.settle()
    expect(recorder.last).toMatchObject({ rest: "rest" })
    expect(Buffer.from(recorder.rest ?? []).toString()).toBe("rest")
    expect(heard).toEqual(["more", "end", "close"])
    expect(owner.heard).toEqual([])
    expect(session.isBusy).toBe(false)
  })

  it("is closed when bytes arrive that nobody reads", () => {
    const { connection, owner, session } = openSession()
    start(session, () => {})
    connection.send(switching)
    expect(connection.isOpen).toBe(true)
    connection.send("more")
    connection.settle()
    expect(connection.isOpen).toBe(false)
    expect(owner.heard).toEqual(["closed"])
  })

  it("carries no further exchange", () => {
    const { connection, session } = openSession()
    start(session, () => {})
    connection.send(switching)
    const recorder = new Recorder()
    session.start(request(), recorder)
    expect(recorder.heard).toMatchObject([{ failure: "ConnectionClosed unsent" }])
  })

  it("is read even if the receiver had paused the exchange", () => {
    const { connection, session } = openSession()
    session.start(request(upgrade), new Recorder({ onInformational: () => session.pause() }))
    connection.send(`HTTP/1.1 103 Early Hints\r\n\r\n${switching}`)
    expect(connection.isPaused).toBe(false)
  })
})

describe("A session's connection", () => {
  it("is read from the moment the session is made", () => {
    const { connection, owner } = openSession()
    connection.send("too early")
    expect(owner.heard).toEqual(["data", "closed"])
  })
})
