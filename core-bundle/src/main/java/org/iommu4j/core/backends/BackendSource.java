package org.iommu4j.core.backends;

import java.util.function.Supplier;
import org.iommu4j.backend.Backend;
import org.iommu4j.contract.IommuModel;

/**
 * The origin of a backend. There may be no backend yet: it is made when the core asks for it, in a thread of its own, as the
 * vendor's constructors and static initialisers are foreign code as well. A backend that could not be had in time leaves by the
 * same object.
 *
 * @param name for people, until the backend names itself
 * @param announced the model that its service names; null if it names none. It stands in for what the backend does not say itself
 * @param maker gives the backend; null if there is none. Calls foreign code
 */
public record BackendSource(String name, IommuModel announced, Supplier<Backend> maker) {
    /** A backend that is there already. */
    public static BackendSource of(Backend backend) {
        return new BackendSource(backend.getClass().getName(), null, () -> backend);
    }
}
