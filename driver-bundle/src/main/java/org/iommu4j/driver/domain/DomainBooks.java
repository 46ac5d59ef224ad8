package org.iommu4j.driver.domain;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * The domains of a driver and the devices in them: a device is in one domain or in none. Its methods are those of
 * {@link org.iommu4j.backend.Translator}; what they change on the chip is the policy's. Finding a domain allocates nothing.
 *
 * @param <D> what the vendor keeps of a domain
 * @param <V> what the vendor keeps of a device
 */
public final class DomainBooks<D extends DomainRecord<V>, V> {
    private static final String REQUESTER = "requester";

    /** Most devices that a saved state may have in a domain. */
    private static final int MOST_DEVICES = 1 << 17;

    private final DomainPolicy<D, V> policy;
    private final DomainTable<D> domains = new DomainTable<>();
    private final Map<Integer, D> owners = new TreeMap<>();

    /** Books without a domain. */
    public DomainBooks(DomainPolicy<D, V> policy) {
        this.policy = policy;
    }

    /** The open domain of a number, or null; then {@link Answers#notOpen} refuses. */
    public D find(int domain) {
        return domains.find(domain);
    }

    /** The open domains, in the order of their numbers. */
    public List<D> open() {
        return domains.open();
    }

    /** The domain that has a device; null if none does. */
    public D ownerOf(int key) {
        return owners.get(key);
    }

    /** Opens an empty domain: {@code EINVAL} if the number is not in 0 to 65535, {@code EEXIST} if it is open. */
    public int open(int domain, Completion completion) {
        int refused = domains.checkNew(domain, completion);
        if (refused != 0) {
            return refused;
        }
        D opened = policy.open(domain, completion);
        if (opened == null) {
            return completion.errno().code();
        }
        domains.put(domain, opened);
        return completion.done(Fidelity.EXACT);
    }

    /** Closes a domain, and is rid of it whatever the chip says: {@code ENOENT} if it is not open. */
    public int close(int domain, Completion completion) {
        D target = domains.find(domain);
        if (target == null) {
            return Answers.notOpen(domain, completion);
        }
        owners.keySet().removeAll(target.members().byKey().keySet());
        domains.remove(domain);
        return policy.close(target, completion);
    }

    /**
     * Adds a device to a domain: {@code ENOENT} if the domain is not open, {@code EEXIST} if it has the device, {@code EBUSY} if
     * another one has.
     */
    public int attach(int domain, int requester, long table, int levels, Completion completion) {
        D target = domains.find(domain);
        if (target == null) {
            return Answers.notOpen(domain, completion);
        }
        int key = policy.key(requester);
        D owner = owners.get(key);
        if (owner != null) {
            return completion.refuse(
                    owner == target ? Errno.EEXIST : Errno.EBUSY,
                    REQUESTER,
                    Integer.toUnsignedLong(requester),
                    owner == target ? "the device is attached" : "the device is attached to another container");
        }
        V device = policy.device(target, requester, completion);
        if (device == null) {
            return completion.errno().code();
        }
        add(target, key, device);
        boolean attached = false;
        try {
            attached = policy.attach(target, device, table, levels, completion) == 0;
        } finally {
            if (!attached) {
                remove(target, key);
            }
        }
        return completion.errno().code();
    }

    /** Removes a device from a domain: {@code ENOENT} if the domain is not open, {@code ENODEV} if it does not have the device. */
    public int detach(int domain, int requester, Completion completion) {
        D target = domains.find(domain);
        if (target == null) {
            return Answers.notOpen(domain, completion);
        }
        int key = policy.key(requester);
        V device = target.members().device(key);
        if (device == null) {
            return completion.refuse(Errno.ENODEV, REQUESTER, Integer.toUnsignedLong(requester), Answers.NOT_ATTACHED);
        }
        int outcome = policy.detach(target, device, completion);
        if (outcome == 0) {
            remove(target, key);
        }
        return outcome;
    }

    /**
     * Writes the domains into the section that {@code out} is in: count of domains, each: int number; what the policy says of the
     * domain; count of devices, each: int key; what the policy says of the device.
     */
    public void save(SnapshotWriter out) {
        List<D> open = domains.open();
        out.putInt(open.size());
        for (D domain : open) {
            Map<Integer, V> devices = domain.members().byKey();
            out.putInt(domain.members().number());
            policy.saveDomain(domain, out);
            out.putInt(devices.size());
            devices.forEach((key, device) -> {
                out.putInt(key);
                policy.saveDevice(domain, device, out);
            });
        }
    }

    /**
     * Reads what {@link #save} wrote, into books that are empty.
     *
     * @throws org.iommu4j.backend.BackendException {@code EINVAL} if a number is wrong, or there twice
     */
    public void load(SnapshotReader in) {
        int count = in.getCount(DomainTable.MAX_DOMAINS);
        for (int i = 0; i < count; i++) {
            int number = in.getIndex(DomainTable.MAX_DOMAINS, "domain");
            if (domains.find(number) != null) {
                throw in.invalid("domain " + number + " twice");
            }
            D domain = policy.loadDomain(number, in);
            domains.put(number, domain);
            int devices = in.getCount(MOST_DEVICES);
            for (int d = 0; d < devices; d++) {
                int key = in.getInt();
                if (owners.put(key, domain) != null) {
                    throw in.invalid("requester 0x" + Integer.toHexString(key) + " twice");
                }
                domain.members().byKey().put(key, policy.loadDevice(domain, key, in));
            }
            domain.rebuild();
        }
    }

    private void add(D target, int key, V device) {
        target.members().byKey().put(key, device);
        owners.put(key, target);
        target.rebuild();
    }

    private void remove(D target, int key) {
        target.members().byKey().remove(key);
        owners.remove(key);
        target.rebuild();
    }
}
