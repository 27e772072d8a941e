/**
 * Where URLs lead, kept for those that are called again: to read a URL and to look up its origin costs several times as
 * much as to find it in a map.
 */
import { ClientError, type Origin, type WeirClientService } from "@weir/client"
import { toWeirError, WeirError } from "./WeirError.ts"

export interface Destination {
  readonly origin: Origin
  /** Path and query. */
  readonly target: string
  /** The URL as it reads once it has been parsed. */
  readonly href: string
  /** `href` without its fragment, which is not sent. */
  readonly location: string
}

/** So many are kept, and so many of before; what is in neither is read again. */
const keptCountMax = 500

/** Longer URLs are not kept, so that all of them together stay below a few megabytes. */
const keptLengthMax = 512

export class Destinations {
  private readonly client: WeirClientService
  /** When it is full it takes the place of `former`: whatever was called lately is in one of the two. */
  private recent = new Map<string, Destination>()
  private former: ReadonlyMap<string, Destination> = this.recent

  constructor(client: WeirClientService) {
    this.client = client
  }

  /** Throws a `WeirError` with code `WEIR_INVALID_REQUEST` for what is no URL, or none that can be called. */
  of(url: string): Destination {
    return this.recent.get(url) ?? this.keep(url, this.former.get(url) ?? this.read(url))
  }

  private read(written: string): Destination {
    if (!URL.canParse(written)) throw new WeirError("WEIR_INVALID_REQUEST", `not a URL: ${written}`)
    const url = new URL(written)
    const origin = this.client.originUnsafe(url)
    if (origin instanceof ClientError) throw toWeirError(origin)
    const { hash, href, pathname, search } = url
    return { origin, target: pathname + search, href, location: href.slice(0, href.length - hash.length) }
  }

  private keep(written: string, destination: Destination): Destination {
    if (written.length > keptLengthMax) return destination
    if (this.recent.size >= keptCountMax) {
      this.former = this.recent
      this.recent = new Map()
    }
    this.recent.set(written, destination)
    return destination
  }
}
