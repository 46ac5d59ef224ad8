package org.iommu4j.driver.domain;

import org.iommu4j.contract.Completion;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;

/**
 * The changes that a driver makes on its chip when {@link DomainBooks} have found a change to be possible. Methods that answer
 * a number answer 0 or a negative errno and fill the completion with the same.
 *
 * @param <D> what the vendor keeps of a domain
 * @param <V> what the vendor keeps of a device
 */
public interface DomainPolicy<D extends DomainRecord<V>, V> {
    /** {@code table} of {@link #attach}: the device stays blocked. */
    long BLOCKED = -1;

    /** A new, empty domain; null if it is refused. */
    D open(int number, Completion completion);

    /**
     * The domain is over: blocks its devices, drops all that is cached, gives its ids back. The books have neither the domain nor
     * its devices any more, whatever comes of it; the domain still has its members.
     */
    int close(D domain, Completion completion);

    /** The key of a device in the books and in a saved state: its requester id, if the model says nothing else. */
    default int key(int requester) {
        return requester;
    }

    /** A blocked device, which is in no domain; null if there can be no such device. */
    V device(D domain, int requester, Completion completion);

    /**
     * Lets a new device of a domain translate through a table. The books have the device already; if it is refused they take it
     * out again.
     *
     * @param table physical address of the table's root, or {@link #BLOCKED}
     * @param levels of that table
     */
    int attach(D domain, V device, long table, int levels, Completion completion);

    /** Blocks a device and drops all that is cached for it; then the books take it out of the domain. */
    int detach(D domain, V device, Completion completion);

    /** Writes what a saved state has of a domain between its number and its devices. */
    void saveDomain(D domain, SnapshotWriter out);

    /** Reads it. */
    D loadDomain(int number, SnapshotReader in);

    /** Writes what a saved state has of a device behind its key. */
    void saveDevice(D domain, V device, SnapshotWriter out);

    /** Reads it. */
    V loadDevice(D domain, int key, SnapshotReader in);
}
