import { Injectable, RequestMethod } from '@nestjs/common';
import { METHOD_METADATA, PATH_METADATA } from '@nestjs/common/constants.js';
import { DiscoveryService, MetadataScanner, Reflector } from '@nestjs/core';
import {
  API_KEY_HEADER_ROUTE,
  PUBLIC_ROUTE,
  ROUTE_ROLES,
  ROUTE_SCOPES,
  type Role,
  type Scope,
} from '../../common/http/route-markers.js';

export interface Route {
  method: string;
  /** As the router has it, with `:name` for parameters. */
  path: string;
  controller: string;
  isPublic: boolean;
  takesApiKeyHeader: boolean;
  scopes: readonly Scope[];
  roles: readonly Role[];
}

/** Every route of every controller with its markers. The token hook runs before the framework knows the handler and asks here. */
@Injectable()
export class RouteTable {
  private routes: readonly Route[] | undefined;
  private publicKeys: ReadonlySet<string> | undefined;
  private apiKeyHeaderKeys: ReadonlySet<string> | undefined;

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
    private readonly reflector: Reflector,
  ) {}

  list(): readonly Route[] {
    this.routes ??= this.read();
    return this.routes;
  }

  isPublic(method: string, path: string): boolean {
    this.publicKeys ??= this.keysOf(({ isPublic }) => isPublic);
    // Fastify answers HEAD with the handler of GET.
    return this.publicKeys.has(`${method === 'HEAD' ? 'GET' : method} ${path}`);
  }

  takesApiKeyHeader(method: string, path: string): boolean {
    this.apiKeyHeaderKeys ??= this.keysOf(({ takesApiKeyHeader }) => takesApiKeyHeader);
    return this.apiKeyHeaderKeys.has(`${method} ${path}`);
  }

  private keysOf(isMeant: (route: Route) => boolean): ReadonlySet<string> {
    return new Set(
      this.list()
        .filter(isMeant)
        .map(({ method, path }) => `${method} ${path}`),
    );
  }

  private read(): Route[] {
    return this.discovery.getControllers().flatMap(({ instance, metatype }) => {
      if (!instance || !metatype) return [];
      const prototype = Object.getPrototypeOf(instance) as Record<string, () => unknown>;
      return this.scanner.getAllMethodNames(prototype).flatMap((name) => {
        const handler = prototype[name];
        return handler ? this.routesOf(metatype as new () => unknown, handler) : [];
      });
    });
  }

  private routesOf(controller: new () => unknown, handler: () => unknown): Route[] {
    const path = Reflect.getMetadata(PATH_METADATA, handler) as string | string[] | undefined;
    if (path === undefined) return [];
    const method = RequestMethod[Reflect.getMetadata(METHOD_METADATA, handler) as RequestMethod];
    const prefixes = [Reflect.getMetadata(PATH_METADATA, controller) as string | string[] | undefined].flat();
    const targets = [handler, controller];
    return prefixes.flatMap((prefix) =>
      [path].flat().map((suffix) => ({
        method,
        path: joinPath(prefix ?? '', suffix),
        controller: controller.name,
        isPublic: this.reflector.getAllAndOverride<boolean>(PUBLIC_ROUTE, targets) ?? false,
        takesApiKeyHeader: this.reflector.get<boolean | undefined>(API_KEY_HEADER_ROUTE, handler) ?? false,
        scopes: this.reflector.getAllAndOverride<Scope[]>(ROUTE_SCOPES, targets) ?? [],
        roles: this.reflector.getAllAndOverride<Role[]>(ROUTE_ROLES, targets) ?? [],
      })),
    );
  }
}

function joinPath(...parts: string[]): string {
  const path = parts.map((part) => part.replace(/^\/+|\/+$/g, '')).filter(Boolean);
  return `/${path.join('/')}`;
}
