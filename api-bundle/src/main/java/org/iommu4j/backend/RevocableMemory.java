package org.iommu4j.backend;

import org.osgi.annotation.versioning.ProviderType;

/**
 * Memory that is there for a time: a backend's view of its machine, until the backend is given up. From then on every access
 * throws {@link BackendException} with {@code ENODEV} and changes nothing.
 *
 * <p>Who remembers where a page lies, so that not every access has to ask, remembers it of {@link #whole} and forgets it when
 * it is told of the end.
 */
@ProviderType
public interface RevocableMemory extends PhysicalMemory {
    /** The memory of which this is a view; null if the end has come. */
    PhysicalMemory whole();

    /** Runs an action when the end comes; at once if it has come. The action must not block and must not throw. */
    void onEnd(Runnable action);
}
