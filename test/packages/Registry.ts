/**
 * A read-only npm registry on loopback: it serves the archives that it is given, and passes what it does not have on to
 * another registry. For the three package managers it is the only registry there is.
 */
import { createHash } from "node:crypto"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { basename } from "node:path"
import { pipeline } from "node:stream/promises"
import { listen } from "../support/Listening.ts"

export interface Archive {
  /** The .tgz that npm packed. */
  readonly path: string
  /** The package.json inside. */
  readonly manifest: { readonly name: string; readonly version: string; readonly [field: string]: unknown }
}

export interface Registry extends AsyncDisposable {
  /** Without a slash at its end. */
  readonly url: string
}

interface Shelf {
  readonly packument: string
  readonly archive: Archive
}

/** `upstream` is the registry that has the other packages. */
export const startRegistry = async (archives: ReadonlyArray<Archive>, upstream: string): Promise<Registry> => {
  const shelves = new Map<string, Shelf>()
  const server = createServer((request, response) => {
    answer(request, response, shelves, upstream).catch((error: unknown) => {
      // A manager that gets half an answer says so; one that gets this says which registry was out of reach.
      if (!response.headersSent) response.writeHead(502)
      response.end(`${upstream}${request.url}: ${String(error)}`)
    })
  })
  const url = `http://127.0.0.1:${await listen(server)}`
  for (const archive of archives) {
    const { name } = archive.manifest
    shelves.set(name, { archive, packument: packumentOf(archive, `${url}/${name}/-/${basename(archive.path)}`) })
  }
  return {
    url,
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, "close")
      server.close()
      server.closeAllConnections()
      await closed
    }
  }
}

const packumentOf = ({ manifest, path }: Archive, tarball: string): string => {
  const { name, version } = manifest
  const integrity = `sha512-${createHash("sha512").update(readFileSync(path)).digest("base64")}`
  const published = { ...manifest, _id: `${name}@${version}`, dist: { tarball, integrity } }
  return JSON.stringify({ name, "dist-tags": { latest: version }, versions: { [version]: published } })
}

const answer = async (
  request: IncomingMessage,
  response: ServerResponse,
  shelves: ReadonlyMap<string, Shelf>,
  upstream: string
): Promise<void> => {
  if (request.method !== "GET" && request.method !== "HEAD") {
    response.writeHead(405, { allow: "GET, HEAD" }).end("this registry is read-only")
    return
  }
  const path = decodeURIComponent(new URL(request.url ?? "/", "http://registry.test").pathname).slice(1)
  const [name = "", file] = path.split("/-/")
  const shelf = shelves.get(name)
  if (shelf !== undefined && file === undefined) {
    response.writeHead(200, { "content-type": "application/json", "cache-control": "no-store" }).end(shelf.packument)
  } else if (shelf !== undefined && file === basename(shelf.archive.path)) {
    response.writeHead(200, { "content-type": "application/octet-stream" }).end(readFileSync(shelf.archive.path))
  } else if (name.startsWith("@weir/")) {
    // Never asked for elsewhere: what another registry has by this name is not what was built here.
    response.writeHead(404).end(`there is no ${path} among the packages that were built`)
  } else {
    await passOn(request, response, upstream)
  }
}

const passOn = async (request: IncomingMessage, response: ServerResponse, upstream: string): Promise<void> => {
  const { accept } = request.headers
  const found = await fetch(`${upstream}${request.url}`, {
    method: request.method ?? "GET",
    headers: accept === undefined ? {} : { accept }
  })
  const type = found.headers.get("content-type")
  response.writeHead(found.status, type === null ? {} : { "content-type": type })
  if (found.body === null) response.end()
  else await pipeline(found.body, response)
}
