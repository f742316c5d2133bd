#include "sample/diag.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define ALL_STATES UINT32_MAX
#define STATE_ESTABLISHED 1 /* include/net/tcp_states.h, for Unix sockets too */
#define STATE_LISTEN 10

struct dump {
	enum pl_net_file file;
	pl_net_socket_fn *socket;
	void *ctx;
};

static void hand_out(const struct dump *dump, uint64_t inode, unsigned state, bool listens)
{
	enum pl_metric metric;

	if (inode != 0 && pl_parse_net_state(dump->file, state, listens, &metric))
		dump->socket(dump->ctx, inode, metric);
}

static int take_inet(const struct nlmsghdr *header, void *arg)
{
	const struct inet_diag_msg *message = mnl_nlmsg_get_payload(header);

	if (mnl_nlmsg_get_payload_len(header) >= sizeof(*message))
		hand_out(arg, message->idiag_inode, message->idiag_state, false);
	return MNL_CB_OK;
}

static int take_unix(const struct nlmsghdr *header, void *arg)
{
	const struct unix_diag_msg *message = mnl_nlmsg_get_payload(header);
	/* as /proc/net/unix has it: SS_CONNECTED or SS_UNCONNECTED */
	unsigned state = 1;

	if (mnl_nlmsg_get_payload_len(header) < sizeof(*message))
		return MNL_CB_OK;
	if (message->udiag_state == STATE_ESTABLISHED)
		state = 3;
	hand_out(arg, message->udiag_ino, state, message->udiag_state == STATE_LISTEN);
	return MNL_CB_OK;
}

static struct nlmsghdr *put_request(char *buf, unsigned seq)
{
	struct nlmsghdr *header = mnl_nlmsg_put_header(buf);

	header->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	header->nlmsg_seq = seq;
	return header;
}

static const struct nlmsghdr *ask_inet(char *buf, unsigned seq, int family, int protocol)
{
	struct nlmsghdr *header = put_request(buf, seq);
	struct inet_diag_req_v2 *request = mnl_nlmsg_put_extra_header(header, sizeof(*request));

	request->sdiag_family = (uint8_t)family;
	request->sdiag_protocol = (uint8_t)protocol;
	request->idiag_states = ALL_STATES;
	return header;
}

static const struct nlmsghdr *ask_unix(char *buf, unsigned seq)
{
	struct nlmsghdr *header = put_request(buf, seq);
	struct unix_diag_req *request = mnl_nlmsg_put_extra_header(header, sizeof(*request));

	request->sdiag_family = AF_UNIX;
	request->udiag_states = ALL_STATES;
	return header;
}

static int receive(struct mnl_socket *netlink, unsigned seq, mnl_cb_t take, struct dump *dump,
                   char *buf, size_t size)
{
	for (;;) {
		const ssize_t len = mnl_socket_recvfrom(netlink, buf, size);
		int more;

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0)
			return -errno;
		more = mnl_cb_run(buf, (size_t)len, seq, mnl_socket_get_portid(netlink), take, dump);
		if (more < 0)
			return -errno;
		if (more == MNL_CB_STOP)
			return 0;
	}
}

static int dump_all(struct mnl_socket *netlink, struct dump *dump, char *buf, size_t size)
{
	static const struct {
		int family;
		int protocol;
		enum pl_net_file file;
	} kinds[] = {
		{ AF_INET, IPPROTO_TCP, PL_NET_TCP }, { AF_INET6, IPPROTO_TCP, PL_NET_TCP },
		{ AF_INET, IPPROTO_UDP, PL_NET_UDP }, { AF_INET6, IPPROTO_UDP, PL_NET_UDP },
		{ AF_UNIX, 0, PL_NET_UNIX },
	};

	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const bool is_unix = kinds[i].family == AF_UNIX;
		const struct nlmsghdr *request =
			is_unix ? ask_unix(buf, i + 1)
					: ask_inet(buf, i + 1, kinds[i].family, kinds[i].protocol);
		int err;

		dump->file = kinds[i].file;
		if (mnl_socket_sendto(netlink, request, request->nlmsg_len) < 0)
			return -errno;
		err = receive(netlink, i + 1, is_unix ? take_unix : take_inet, dump, buf, size);
		if (err < 0)
			return err;
	}
	return 0;
}

int pl_diag_sockets(pl_net_socket_fn *socket, void *ctx, char *buf, size_t size)
{
	struct dump dump = { .socket = socket, .ctx = ctx };
	struct mnl_socket *netlink = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
	int err;

	if (!netlink)
		return -errno;
	err = mnl_socket_bind(netlink, 0, MNL_SOCKET_AUTOPID) < 0 ? -errno : 0;
	if (err == 0)
		err = dump_all(netlink, &dump, buf, size);
	mnl_socket_close(netlink);
	return err;
}
