/**
 * A client's configuration out of Effect's `ConfigProvider`: the environment, a file, or whatever the program provides.
 *
 * Every key of `ClientConfig` is asked for below one path, as it is written (`weir.pool.connectionsPerRouteMax`) and as
 * variables of an environment are (`WEIR_POOL_CONNECTIONS_PER_ROUTE_MAX`); lists by their indices
 * (`WEIR_POOL_OVERRIDES_0_MATCH`). What stands below the path and is no key is a problem, so that a slip is not taken for
 * a default.
 */
import { nearestKey, PoolConfigError } from "@weir/core"
import { Config, ConfigProvider, Effect, Option, Schema, SchemaAST } from "effect"
import { ClientConfig, parseClientConfig } from "./ClientConfig.ts"

/** Fails with every problem at once, or with what the provider's source says. */
export const readClientConfig = (
  path: ConfigProvider.Path
): Effect.Effect<ClientConfig, PoolConfigError | Config.ConfigError> =>
  Effect.gen(function* () {
    const provider = yield* ConfigProvider.ConfigProvider
    const reading = new Reading(provider, path)
    const found = yield* reading.value(ClientConfig.ast, [])
    const config: ClientConfig = Object.assign({}, found)
    const unknown = yield* reading.unknownKeys
    const parsed = yield* Effect.flip(parseClientConfig(config)).pipe(
      Effect.map(({ problems }) => problems.map((problem) => `${path.join(".")}.${problem}`)),
      Effect.orElseSucceed((): ReadonlyArray<string> => [])
    )
    const problems = [...unknown, ...parsed]
    return problems.length === 0 ? config : yield* new PoolConfigError({ problems })
  }).pipe(Effect.catchTag("SourceError", (error) => Effect.fail(new Config.ConfigError(error))))

type Found = Effect.Effect<unknown, ConfigProvider.SourceError>

class Reading {
  private readonly root: ConfigProvider.Path
  /** As the keys are written, and as variables are. */
  private readonly providers: readonly [ConfigProvider.ConfigProvider, ConfigProvider.ConfigProvider]
  /** The keys that were asked for, by their letters and digits alone. */
  private readonly known = new Map<string, string>()

  constructor(provider: ConfigProvider.ConfigProvider, root: ConfigProvider.Path) {
    this.root = root
    this.providers = [provider, ConfigProvider.constantCase(provider)]
  }

  /** What stands at the path; `undefined` for nothing. Texts become numbers and booleans where only those will do. */
  value(ast: SchemaAST.AST, path: ConfigProvider.Path): Found {
    return Effect.suspend(() => {
      const members = SchemaAST.isUnion(ast) ? ast.types : [ast]
      const object = members.find(SchemaAST.isObjects)
      const list = members.find(SchemaAST.isArrays)
      const text = Effect.map(this.text(path), (value) => (value === undefined ? undefined : convert(ast, value)))
      if (object !== undefined) return Effect.flatMap(this.object(object, path), orElse(text))
      if (list !== undefined) return Effect.flatMap(this.list(list, path), orElse(text))
      return text
    })
  }

  /** A line for each key below the root that was not asked for. */
  get unknownKeys(): Effect.Effect<ReadonlyArray<string>, ConfigProvider.SourceError> {
    return Effect.map(
      Effect.forEach(this.providers, (provider) => leaves(provider, this.root)),
      (found) => {
        const names = new Map(found.flat().map((path) => [path.join("."), path.slice(this.root.length)]))
        return Array.from(names).flatMap(([name, path]) => {
          const letters = lettersOf(path)
          if (this.known.has(letters)) return []
          const nearest = nearestKey(letters, this.known.keys())
          const question = nearest === undefined ? "" : `; did you mean ${this.known.get(nearest)}?`
          return [`${name}: unknown key${question}`]
        })
      }
    )
  }

  private object(ast: SchemaAST.Objects, path: ConfigProvider.Path): Found {
    const fields = Effect.forEach(ast.propertySignatures, ({ name, type }) =>
      Effect.map(this.value(type, [...path, String(name)]), (value) => [String(name), value] as const)
    )
    return Effect.map(fields, (entries) => {
      const found = entries.filter(([, value]) => value !== undefined)
      return found.length === 0 ? undefined : Object.fromEntries(found)
    })
  }

  /** A single text is a list of one. */
  private list(ast: SchemaAST.Arrays, path: ConfigProvider.Path): Found {
    const [element] = ast.rest
    if (element === undefined) return Effect.undefined
    return Effect.flatMap(this.load(path), (node) => {
      if (node?._tag === "Value") return Effect.map(this.value(element, path), (value) => [value])
      if (node?._tag !== "Array") return Effect.undefined
      return Effect.forEach(
        Array.from({ length: node.length }, (_, index) => index),
        (index) => this.value(element, [...path, index])
      )
    })
  }

  private text(path: ConfigProvider.Path): Effect.Effect<string | undefined, ConfigProvider.SourceError> {
    this.known.set(lettersOf(path), path.join("."))
    return Effect.map(this.load(path), (node) => node?.value)
  }

  private load(path: ConfigProvider.Path): Effect.Effect<ConfigProvider.Node | undefined, ConfigProvider.SourceError> {
    const [asWritten, asVariable] = this.providers
    const at = [...this.root, ...path]
    return Effect.flatMap(asWritten.load(at), (node) =>
      node === undefined ? asVariable.load(at) : Effect.succeed(node)
    )
  }
}

const orElse =
  (other: Found) =>
  (value: unknown): Found =>
    value === undefined ? other : Effect.succeed(value)

/** The paths of every text below a path, in the provider's own words. */
const leaves = (
  provider: ConfigProvider.ConfigProvider,
  path: ConfigProvider.Path
): Effect.Effect<ReadonlyArray<ConfigProvider.Path>, ConfigProvider.SourceError> =>
  Effect.flatMap(provider.load(path), (node) => {
    if (node === undefined) return Effect.succeed([])
    const own = node.value === undefined ? [] : [path]
    const names =
      node._tag === "Record"
        ? Array.from(node.keys)
        : Array.from({ length: node._tag === "Array" ? node.length : 0 }, (_, index) => index)
    return Effect.map(
      Effect.forEach(names, (name) => leaves(provider, [...path, name])),
      (below) => [...own, ...below.flat()]
    )
  })

const lettersOf = (path: ConfigProvider.Path): string =>
  path
    .join("")
    .replace(/[^A-Za-z0-9]/g, "")
    .toLowerCase()

/** A number or a boolean where the text is one and the schema takes it, else the text as it is, for the schema to judge. */
const convert = (ast: SchemaAST.AST, text: string): unknown => {
  const accepts = Schema.decodeUnknownOption(Schema.make<Schema.Codec<unknown>>(ast))
  const candidates = [
    ...(text.trim() !== "" && Number.isFinite(Number(text)) ? [Number(text)] : []),
    ...(text === "true" || text === "false" ? [text === "true"] : [])
  ]
  return candidates.find((candidate) => Option.isSome(accepts(candidate))) ?? text
}
