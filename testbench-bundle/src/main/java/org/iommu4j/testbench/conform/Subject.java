package org.iommu4j.testbench.conform;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.BackendDescription;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.Generation;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.PlatformFactory;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.service.BackendStatus;
import org.iommu4j.core.service.IommuService;

/** The backend that is checked, serving its model. */
final class Subject {
    private final IommuService service;
    private final PlatformFactory platforms;
    private final Backend backend;
    private final int id;
    private final long seed;
    private final Scenes scenes = new Scenes(this);

    /**
     * A backend.
     *
     * @param service the core that it serves in
     * @param platforms makes machines without the core
     * @param backend as the core shows it
     * @param id of the backend in the core
     * @param seed of all choices
     */
    Subject(IommuService service, PlatformFactory platforms, Backend backend, int id, long seed) {
        this.service = service;
        this.platforms = platforms;
        this.backend = backend;
        this.id = id;
        this.seed = seed;
    }

    /** The core that it serves in. */
    IommuService service() {
        return service;
    }

    /** Makes machines without the core. */
    PlatformFactory platforms() {
        return platforms;
    }

    /** The backend as the core shows it. */
    Backend backend() {
        return backend;
    }

    /** Number of the backend in the core. */
    int id() {
        return id;
    }

    /** Seed of all choices. */
    long seed() {
        return seed;
    }

    /** The seeds by which its software prepares tables. */
    Scenes scenes() {
        return scenes;
    }

    /** Description that the backend gives of itself. */
    BackendDescription description() {
        return backend.describe();
    }

    /** Model of the backend. */
    IommuModel model() {
        return description().model();
    }

    /** A generation's chip that keeps whatever the architecture lets it keep. */
    static HardwareConfig chip(Generation generation) {
        return HardwareConfig.of(generation.subVersion()).with(CacheConfig.WORST_CASE);
    }

    /** The row of this backend in the core. */
    BackendStatus status() {
        for (BackendStatus status : service.backends()) {
            if (status.id() == id) {
                return status;
            }
        }
        throw new Check.Unmet("the core does not know the backend any more");
    }

    /**
     * Looks at each generation by itself.
     *
     * @return what was looked at; names the generations that could not be
     * @throws Check.Unmet if one breaks the rule
     * @throws Check.NotCovered if none can be looked at
     */
    String ofEach(Function<Generation, String> check) {
        List<String> seen = new ArrayList<>();
        List<String> missed = new ArrayList<>();
        for (Generation generation : description().generations()) {
            String name = "generation " + Generation.text(generation.subVersion());
            try {
                String detail = check.apply(generation);
                seen.add(detail.isEmpty() ? name : name + " " + detail);
            } catch (Check.Unmet e) {
                throw new Check.Unmet(name + ": " + e.getMessage(), e);
            } catch (Check.NotCovered e) {
                missed.add(name + " not covered: " + e.getMessage());
            }
        }
        if (seen.isEmpty()) {
            throw new Check.NotCovered(String.join("; ", missed));
        }
        seen.addAll(missed);
        return String.join("; ", seen);
    }
}
