import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** What a proxy does with the server's answers: pass them on, keep them for itself, or cut the line in their place. */
export type ProxyMode = 'pass' | 'swallow' | 'cut';

/** A line to a server that can be disturbed. */
export interface TcpProxy {
  readonly port: number;
  mode: ProxyMode;
  close(): Promise<void>;
}

export async function startProxy(serverPort: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  const listener = createServer((near) => {
    const far = connect(serverPort, '127.0.0.1');
    const end = (): void => {
      for (const socket of [near, far]) {
        socket.destroy();
        sockets.delete(socket);
      }
    };
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', end).on('close', end);
    }
    near.on('data', (request) => far.write(request));
    far.on('data', (answer) => {
      if (proxy.mode === 'pass') near.write(answer);
      else if (proxy.mode === 'cut') {
        // One cut line, then all is well again.
        proxy.mode = 'pass';
        end();
      }
    });
  });
  await new Promise<void>((resolve) => {
    listener.listen(0, '127.0.0.1', resolve);
  });
  const proxy: TcpProxy = {
    port: (listener.address() as AddressInfo).port,
    mode: 'pass',
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => {
        listener.close(resolve);
      });
    },
  };
  return proxy;
}
