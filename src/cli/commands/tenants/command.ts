/** The command line of `tenants`. */
import { didYouMean } from '../../../base/did-you-mean.ts'
import { addDoorOptions, type DoorWish, doorWishOf } from '../../door.ts'
import { type Subcommand, wrongUsage } from '../command.ts'
import { addOutputOptions, type OutputOptions, outputOptionsOf } from '../output-options.ts'

/** A parsed `tenants` command. */
export interface TenantsRequest extends OutputOptions {
  readonly verb: 'tenants'
  readonly door: DoorWish
  readonly action: TenantsAction
}

export type TenantsAction =
  | { readonly kind: 'list' }
  | { readonly kind: 'show'; readonly tenant: string }
  /** `isSure`: nobody is asked. */
  | { readonly kind: 'purge'; readonly tenant: string; readonly isSure: boolean }

const examples = `
Examples:
  mcplex tenants                                   each tenant: clients and calls now, and what its limits have refused
  mcplex tenants show acme                         what acme may use, its limits, and what is left of them
  mcplex tenants purge acme                        deletes what is kept of acme: sessions, calls, workers, limits, errors

Tenants are those of the file, and others that use something now. CLIENTS and CALLS are now / at most. REFUSED is what
rates and quotas have refused since the start; WOULD REFUSE is what a dry run would have refused.
purge asks for the name again on a terminal, and needs --yes elsewhere. It does not keep the tenant out: revoke its keys first.
Exit codes: 0 done, 1 there is no such mcplex or tenant, or it was not confirmed, 2 wrong usage, 77 the token was not accepted.`

export const tenantsVerb: Subcommand<TenantsRequest> = {
  name: 'tenants',
  declare(command, asked) {
    command
      .description('list the tenants of a running mcplex, show one with its limits, or delete what is kept of one')
      .usage('[options] [list | show <tenant> | purge <tenant>]')
      .addHelpText('after', examples)
      .argument('[action]', '`list`, which is what it does by default, `show` or `purge`')
      .argument('[tenant]', 'the name of a tenant')
    command.option('--yes', 'Delete without asking: for `purge`, where there is no terminal.')
    addDoorOptions(command)
    addOutputOptions(command, 'One JSON object on stdout: the tenants, or the one.')
    command.action((action?: string, tenant?: string) => {
      asked({
        verb: 'tenants',
        ...outputOptionsOf(command),
        door: doorWishOf(command),
        action: actionIn(action, tenant, command.opts<{ yes?: true }>().yes === true),
      })
    })
  },
}

function actionIn(action: string | undefined, tenant: string | undefined, isSure: boolean): TenantsAction {
  if (isSure && action !== 'purge') throw wrongUsage('--yes is for purge', ['try', 'mcplex tenants purge <tenant>'])
  if (action === 'show' || action === 'purge') {
    if (tenant === undefined || tenant === '')
      throw wrongUsage(`${action} needs the name of a tenant`, ['try', 'mcplex tenants, to see them'])
    return action === 'show' ? { kind: action, tenant } : { kind: action, tenant, isSure }
  }
  if (action !== undefined && action !== 'list') {
    const meant = didYouMean(action, ['list', 'show', 'purge'])
    throw wrongUsage(`'${action}' is no action of tenants`, [
      'try',
      `mcplex tenants ${meant === undefined ? `show ${action}` : `${meant} ${tenant ?? ''}`}`.trim(),
    ])
  }
  if (tenant !== undefined) throw wrongUsage('list takes no tenant', ['try', `mcplex tenants show ${tenant}`])
  return { kind: 'list' }
}
