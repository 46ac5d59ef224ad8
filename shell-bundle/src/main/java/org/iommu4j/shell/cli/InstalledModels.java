package org.iommu4j.shell.cli;

import java.util.Iterator;
import java.util.List;
import java.util.function.Supplier;
import org.iommu4j.core.service.IommuService;
import picocli.CommandLine;
import picocli.CommandLine.IFactory;

/** Values of {@code --model}: help texts and completions list the models that are installed where the program runs. */
final class InstalledModels implements Iterable<String> {
    private final Supplier<IommuService> core;

    private InstalledModels(Supplier<IommuService> core) {
        this.core = core;
    }

    /** Makes the parts of commands where that is the core. */
    static IFactory factory(Supplier<IommuService> core) {
        return new IFactory() {
            @Override
            public <K> K create(Class<K> type) throws Exception {
                return type == InstalledModels.class
                        ? type.cast(new InstalledModels(core))
                        : CommandLine.defaultFactory().create(type);
            }
        };
    }

    @Override
    public Iterator<String> iterator() {
        return installed().iterator();
    }

    private List<String> installed() {
        try {
            return Models.installed(core.get());
        } catch (CommandFailure e) {
            // A help text comes even if the core does not.
            return List.of();
        }
    }
}
