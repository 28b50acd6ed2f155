/**
 * An option as a row of data: what it does, which values it accepts, its default, and the reason for the default.
 *
 * Each module keeps a table of such rows in its `options.ts`, one row for each member of its settings: the compiler checks
 * that none is missing and that each default has the type of its setting. `config/` derives everything else from the
 * tables: flags, environment names, checks, error texts, help and `docs/configuration.md`.
 */

interface Row {
  /** What it does, as one sentence for an operator. */
  readonly about: string
  /** Why the default is what it is. */
  readonly why: string
  /**
   * Its flag on the command line, without dashes; an option without a flag is set through the environment. The flag of a
   * switch that is on by default begins with `no-`.
   */
  readonly flag?: string
  readonly short?: string
  /** Its path, such as `limits.queue.max`; `<module>.<key>` if not given. Its own environment variable is named after the path. */
  readonly path?: string
  /** Other paths that a file may use for it: names that people know from elsewhere. */
  readonly aliases?: readonly string[]
  /** Its path in an upstream of a file, `pool.max`; the path without its first part if not given. */
  readonly member?: string
  /** A well-known environment variable that works too, beside the option's own (`MCPLEX_LIMITS__QUEUE__MAX`). */
  readonly env?: string
}

/** A default that is computed when the settings are assembled; `derived` says how, for the documentation. */
export interface Derived {
  readonly derived: string
}

/** A whole number: a count, a time in milliseconds or a size in bytes. */
export interface NumberOption extends Row {
  readonly kind: 'count' | 'duration' | 'bytes'
  readonly default: number | Derived
  readonly min: number
  readonly max: number
  /** A word that stands for the derived default. */
  readonly word?: string
  /** The key of a switch in the same table; an exclamation mark after the value turns it on. */
  readonly marked?: string
}

export interface SwitchOption extends Row {
  readonly kind: 'switch'
  readonly default: boolean
}

export interface ChoiceOption<Choice extends string> extends Row {
  readonly kind: 'choice'
  readonly choices: readonly Choice[]
  readonly default: Choice | Derived
}

/** Which texts an option accepts. */
export interface Shape {
  /** A description for people, with an example. */
  readonly accepted: string
  test(text: string): boolean
}

/** An option whose texts may have secrets in them. */
interface WithSecret {
  /** The part of a text that nothing may show; also of a text that is not accepted. */
  readonly secretIn?: (text: string) => string | undefined
}

export interface TextOption extends Row, WithSecret {
  readonly kind: 'text'
  /** Whether a file may have a mapping, which is read as one text: `{ points: 5 }` as `points=5`. */
  readonly pairs?: true
  readonly default: string | Derived
  readonly shape: Shape
  /** Whether it is a path: one in a file is relative to the folder of that file. */
  readonly isPath?: true
}

/** Several texts: a flag that may be repeated, a comma-separated list in the environment. */
export interface ListOption extends Row, WithSecret {
  readonly kind: 'list'
  /** Whether a file may have a mapping, whose members are read as texts: `{ a: 5 }` as `a=5`. */
  readonly pairs?: true
  readonly default: readonly string[]
  readonly shape: Shape
}

/** A value that only the command line or a program can give, never an environment variable. */
export interface GivenOption extends Row {
  readonly kind: 'given'
  readonly default: Derived
}

export type Option = NumberOption | SwitchOption | ChoiceOption<string> | TextOption | ListOption | GivenOption

type OptionFor<Value> = [Value] extends [number]
  ? NumberOption
  : [Value] extends [boolean]
    ? SwitchOption
    : [Value] extends [string]
      ? string extends Value
        ? TextOption | GivenOption
        : ChoiceOption<Value>
      : [Value] extends [readonly string[]]
        ? ListOption | GivenOption
        : [Value] extends [string | undefined]
          ? string extends Value
            ? TextOption
            : ChoiceOption<Extract<Value, string>>
          : GivenOption

/** One row for each member of a module's settings. */
export type OptionTable<Settings> = { readonly [Key in keyof Settings]-?: OptionFor<Settings[Key]> }
