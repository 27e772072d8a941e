/**
 * The server that HTTP benchmarks call, in a process of its own: nginx where there is one, otherwise a bare socket server
 * that knows the same paths. Both keep their connections open for ever. No two answers of nginx have the same head, as
 * is usual where requests are told apart: what a client remembers of heads is not to be measured.
 *
 * Where `taskset` exists and there are two processors, the server gets the last one and the callers the first, so that
 * neither takes time from the other.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { chmodSync, closeSync, mkdtempSync, openSync, rmSync, truncateSync, writeFileSync } from "node:fs"
import { connect, createServer } from "node:net"
import { cpus, tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

/** 41 bytes: the answer to `/`, whatever the method. */
export const answerBody = "forty-one bytes of an answer, no more, ok"

/** The paths that answer with so many bytes, all the same. */
export const sizedPaths: Readonly<Record<string, number>> = { "/64k": 65_536, "/100m": 104_857_600 }

export interface Upstream {
  readonly kind: "nginx" | "node:net"
  readonly port: number
  readonly stop: () => Promise<void>
}

const isThere = (program: string, argument: string): boolean => spawnSync(program, [argument]).error === undefined

const mayPin = cpus().length > 1 && isThere("taskset", "--version")

/** A command on the callers' processor, or on the server's. */
export const pinned = (
  side: "caller" | "server",
  program: string,
  args: ReadonlyArray<string>
): readonly [string, ReadonlyArray<string>] =>
  mayPin ? ["taskset", ["-c", String(side === "caller" ? 0 : cpus().length - 1), program, ...args]] : [program, args]

/** A port that was free a moment ago. */
export const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const bound = server.address()
      server.close(() => resolve(bound === null || typeof bound === "string" ? 0 : bound.port))
    })
  })

const untilListening = (port: number): Promise<void> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy()
      resolve()
    })
    socket.on("error", () => setTimeout(() => untilListening(port).then(resolve), 20))
  })

const nginxConfig = (port: number, directory: string): string => `
  daemon off; worker_processes 1; error_log stderr crit; pid nginx.pid;
  events { worker_connections 16384; }
  http {
    access_log off; keepalive_requests 1000000000; keepalive_timeout 1h; default_type text/plain; client_max_body_size 1m;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    sendfile on; open_file_cache max=16 inactive=1h; add_header X-Request-Id $request_id;
    server {
      listen 127.0.0.1:${port} backlog=4096;
      location = / { return 200 "${answerBody}"; }
      location / { root ${directory}; etag off; max_ranges 0; }
    }
  }
`

export const startUpstream = async (side: "caller" | "server" = "server"): Promise<Upstream> => {
  const port = await freePort()
  const directory = mkdtempSync(join(tmpdir(), "weir-upstream-"))
  // Started by root, nginx reads as somebody else.
  chmodSync(directory, 0o755)
  const kind = isThere("nginx", "-v") ? "nginx" : "node:net"
  const [program, args]: readonly [string, ReadonlyArray<string>] =
    kind === "nginx"
      ? ["nginx", ["-p", directory, "-c", "nginx.conf"]]
      : [process.execPath, [fileURLToPath(import.meta.url), "--serve", String(port)]]
  writeFileSync(join(directory, "nginx.conf"), nginxConfig(port, directory))
  for (const [path, byteCount] of Object.entries(sizedPaths)) makeFile(join(directory, path), byteCount)
  const [command, commandArgs] = pinned(side, program, args)
  const server: ChildProcess = spawn(command, commandArgs, { stdio: ["pipe", "ignore", "inherit"] })
  const kill = (): void => {
    server.kill("SIGTERM")
  }
  // Also when a benchmark breaks down.
  process.once("exit", kill)
  await untilListening(port)
  return {
    kind,
    port,
    stop: () =>
      new Promise((resolve) => {
        server.on("close", () => {
          rmSync(directory, { recursive: true })
          resolve()
        })
        process.off("exit", kill)
        kill()
      })
  }
}

/** A file of so many zeros, which takes no room on the disk. */
const makeFile = (path: string, byteCount: number): void => {
  closeSync(openSync(path, "w"))
  truncateSync(path, byteCount)
}

/** The head's end and the announced length are all that is read of a request; it may lie across several reads. */
const serve = (port: number): void => {
  const head = (byteCount: number) =>
    `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${byteCount}\r\n\r\n`
  const piece = Buffer.alloc(65_536)
  const answers = new Map(Object.entries(sizedPaths))
  createServer({ noDelay: true }, (socket) => {
    let rest = ""
    socket.on("error", () => socket.destroy())
    const answerNext = (): void => {
      const headEnd = rest.indexOf("\r\n\r\n")
      if (headEnd < 0) return
      const announced = /\r\ncontent-length: *(\d+)/i.exec(rest.slice(0, headEnd + 2))
      const requestEnd = headEnd + 4 + Number(announced?.[1] ?? 0)
      if (rest.length < requestEnd) return
      const byteCount = answers.get(rest.split(" ", 2)[1] ?? "")
      rest = rest.slice(requestEnd)
      if (byteCount === undefined) socket.write(head(answerBody.length) + answerBody, "latin1")
      else {
        socket.write(head(byteCount), "latin1")
        for (let sent = 0; sent < byteCount; sent += piece.length) socket.write(piece)
      }
      answerNext()
    }
    socket.on("data", (chunk) => {
      rest += chunk.toString("latin1")
      answerNext()
    })
  }).listen(port, "127.0.0.1")
  // The parent's end of the pipe closes with the parent.
  process.stdin.on("end", () => process.exit()).resume()
}

if (process.argv[2] === "--serve") serve(Number(process.argv[3]))
