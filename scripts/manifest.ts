/**
 * The package.json a package is published with. In the repository the exports lead to the sources, which run unbuilt;
 * what is published leads to the build. Pure.
 */

/** A target of `exports`: a path, or conditions that lead to one. */
export type Target = string | null | { readonly [condition: string]: Target }

export interface SourceManifest {
  readonly name: string
  readonly private?: boolean
  readonly exports?: { readonly [subpath: string]: Target }
  /** Names of the package's own, such as `#platform`. */
  readonly imports?: { readonly [name: string]: Target }
  readonly dependencies?: Readonly<Record<string, string>>
  readonly [field: string]: unknown
}

const unpublishedFields = new Set(["dependencies", "devDependencies", "exports", "imports", "scripts"])

export function publishedManifest(manifest: SourceManifest): SourceManifest {
  const kept = Object.entries(manifest).filter(([field]) => !unpublishedFields.has(field))
  return {
    ...Object.fromEntries(kept),
    name: manifest.name,
    // Packages with a scope are private unless they say otherwise.
    publishConfig: { access: "public" },
    ...(manifest.dependencies === undefined ? {} : { dependencies: publishedDependencies(manifest.dependencies) }),
    exports: publishedTargets(manifest.exports ?? {}),
    ...(manifest.imports === undefined ? {} : { imports: publishedTargets(manifest.imports) })
  }
}

/**
 * Our packages go together, version for version. Libraries are tested at one version here and asked for by its range,
 * so that a program that has a later one needs no second copy.
 */
const publishedDependencies = (dependencies: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(dependencies).map(([name, version]) => [name, name.startsWith("@weir/") ? version : `^${version}`])
  )

const publishedTargets = (targets: { readonly [name: string]: Target }): { readonly [name: string]: Target } =>
  Object.fromEntries(Object.entries(targets).map(([name, target]) => [name, publishedTarget(target)]))

function publishedTarget(target: Target): Target {
  if (target === null) return null
  if (typeof target !== "string") {
    return Object.fromEntries(Object.entries(target).map(([condition, inner]) => [condition, publishedTarget(inner)]))
  }
  const built = /^\.\/src\/(.+)\.ts$/.exec(target)?.[1]
  return built === undefined ? target : { types: `./dist/${built}.d.ts`, default: `./dist/${built}.js` }
}

/** Every file that `exports` leads to. */
export function listTargets(target: Target): ReadonlyArray<string> {
  if (target === null) return []
  return typeof target === "string" ? [target] : Object.values(target).flatMap(listTargets)
}
