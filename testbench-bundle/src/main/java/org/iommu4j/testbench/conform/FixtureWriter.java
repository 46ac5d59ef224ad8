package org.iommu4j.testbench.conform;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.jar.JarFile;
import java.util.zip.ZipEntry;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.Generation;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.PlatformFactory;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Uapi;
import org.iommu4j.core.service.BundleService;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.core.service.OneLine;
import org.iommu4j.core.service.Progress;
import org.iommu4j.core.service.Watch;
import org.iommu4j.testbench.CaseFileException;
import org.iommu4j.testbench.FixtureService;
import org.iommu4j.testbench.run.Arrivals;

/** Writes what a release leaves for those after it, in a container where it is installed for that time. */
public final class FixtureWriter implements FixtureService {
    private static final int PAGE = 4096;

    /** Device of a backend without software of its own; no table is bound for it. */
    private static final int ANY_REQUESTER = 8;

    private final IommuService service;
    private final PlatformFactory platforms;
    private final Servers servers;

    /** Writes through a core, in a container. */
    public FixtureWriter(IommuService service, PlatformFactory platforms, BundleService bundles) {
        this.service = service;
        this.platforms = platforms;
        servers = new Servers(service, bundles);
    }

    @Override
    public Path folder(Path jar, Path all) {
        return fixtures(BundleFile.read(jar), all).folder();
    }

    private static Fixtures fixtures(BundleFile file, Path all) {
        if (file.symbolicName().isEmpty() || file.version().isEmpty()) {
            throw failed(file.file(), "is no bundle with a version", null);
        }
        return new Fixtures(
                all.resolve(file.symbolicName()).resolve(file.version()),
                Fixtures.version(file.file(), file.version()));
    }

    @Override
    public String write(Path jar, Path all, long seed) {
        BundleFile file = BundleFile.read(jar);
        Fixtures fixtures = fixtures(file, all);
        fixtures.write(Fixtures.MANIFEST, manifest(jar));
        try (Watch watch = new Watch(Watch.DEFAULT_LIMIT_NANOS)) {
            Arrivals.Arrival arrival = watch.run(progress -> servers.install(jar));
            try {
                return watch.run(progress -> {
                    servers.serve(arrival.status().model(), arrival.status().id());
                    Subject subject = new Subject(
                            service,
                            platforms,
                            service.backend(arrival.status().model()),
                            arrival.status().id(),
                            seed);
                    return write(subject, fixtures, progress);
                });
            } finally {
                watch.run(progress -> {
                    arrival.close();
                    return null;
                });
            }
        } catch (Watch.HangException | Check.Unmet | BackendException e) {
            throw failed(jar, e.getMessage(), e);
        }
    }

    private static byte[] manifest(Path jar) {
        try (JarFile file = new JarFile(jar.toFile())) {
            ZipEntry entry = file.getEntry(JarFile.MANIFEST_NAME);
            return entry == null ? new byte[0] : file.getInputStream(entry).readAllBytes();
        } catch (IOException e) {
            throw failed(jar, "cannot be read: " + OneLine.reason(e), e);
        }
    }

    private String write(Subject subject, Fixtures fixtures, Progress progress) {
        List<Fixtures.State> states = new ArrayList<>();
        for (Generation generation : subject.description().generations()) {
            progress.again();
            save(subject, generation, states);
            for (Abi abi : Abi.values()) {
                progress.again();
                request(subject, Subject.chip(generation), abi);
            }
        }
        fixtures.write(states);
        return fixtures.folder() + ": " + states.size() + " states of "
                + subject.description().generations().size() + " generations";
    }

    /** The states of a chip and a driver at work, and of a virtual IOMMU if the generation has one. */
    private static void save(Subject subject, Generation generation, List<Fixtures.State> states) {
        int subVersion = generation.subVersion();
        BareMachine machine = new BareMachine(subject, Subject.chip(generation), new Trouble());
        try {
            Workload.started(machine, subject, Subject.chip(generation));
        } catch (Check.NotCovered e) {
            machine.attach(ANY_REQUESTER);
        }
        states.add(new Fixtures.State(states.size() + 1, subVersion, machine.saveChip()));
        states.add(new Fixtures.State(states.size() + 1, subVersion, machine.saveDriver()));
        HardwareConfig config = HardwareConfig.of(subVersion);
        Platform memory = VirtualIommu.machine(subject, config);
        try {
            states.add(new Fixtures.State(
                    states.size() + 1,
                    subVersion,
                    VirtualIommu.broughtUp(subject, config, memory).save()));
        } catch (Check.NotCovered e) {
            // This generation has no virtual IOMMU.
        }
    }

    /** Everything that a client asks for in the life of a container, and each scope of an invalidation with each flag. */
    private void request(Subject subject, HardwareConfig config, Abi abi) {
        try (UnitClient client = new UnitClient(service, subject.model(), config, abi)) {
            Workload work = null;
            try {
                work = Workload.prepare(client, subject, config);
                work.start();
            } catch (Check.NotCovered e) {
                client.attach(ANY_REQUESTER);
            }
            for (int scope = 0; scope <= Uapi.SCOPE_MASK; scope++) {
                for (int flags = 0; flags <= Uapi.FLAGS_MASK; flags++) {
                    client.invalidate(scope, flags, 1, PAGE, PAGE, new byte[0]);
                    client.invalidate(scope, flags, 1, 0, 16L * PAGE, new byte[] {1, 2, 3, 4});
                }
            }
            if (work == null) {
                client.detach(ANY_REQUESTER);
            } else {
                work.unbind();
                work.detach();
            }
            client.closeDomain();
        }
    }

    private static CaseFileException failed(Path jar, String why, Exception cause) {
        return new CaseFileException(jar.toString(), 0, 0, "", why, cause);
    }
}
