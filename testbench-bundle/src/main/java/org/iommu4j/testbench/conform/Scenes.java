package org.iommu4j.testbench.conform;

import java.util.HashMap;
import java.util.Map;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.HardwareConfig;

/**
 * Which seed and which order of binds make a model's software prepare the most telling tables for a generation: accesses that come through, whose table
 * entries can be seen, with and without PASID. Software that is given a seed may also prepare what is wrong on purpose.
 */
final class Scenes {
    private static final int SEEDS = 8;

    /** Points of a scene of which an access comes through; of one whose entries can be seen; of one with PASIDs. */
    private static final int THROUGH = 4;

    private static final int VISIBLE = 2;
    private static final int WITH_PASID = 1;

    private final Subject subject;
    private final Map<HardwareConfig, Scene> chosen = new HashMap<>();

    Scenes(Subject subject) {
        this.subject = subject;
    }

    /**
     * A way to prepare tables.
     *
     * @param seed of the software's choices
     * @param reversed true to bind what it proposes from the last to the first: of several binds for a device the last one counts
     */
    record Scene(long seed, boolean reversed) {}

    /**
     * The best of some, the first of them if several are as good.
     *
     * @throws Check.NotCovered if the bundle has no software of its own
     */
    synchronized Scene of(HardwareConfig config) {
        return chosen.computeIfAbsent(config, this::best);
    }

    private Scene best(HardwareConfig config) {
        int most = THROUGH
                + VISIBLE
                + (subject.description().generation(config.subVersion()).pasidBits() > 0 ? WITH_PASID : 0);
        Scene best = null;
        int bestPoints = -1;
        for (int i = 0; i < SEEDS && bestPoints < most; i++) {
            for (boolean reversed : new boolean[] {false, true}) {
                Scene scene = new Scene(subject.seed() + i, reversed);
                int points = points(config, scene);
                if (points > bestPoints) {
                    best = scene;
                    bestPoints = points;
                }
            }
        }
        return best;
    }

    private int points(HardwareConfig config, Scene scene) {
        BareMachine machine = new BareMachine(subject, config, new Trouble());
        Workload work = Workload.prepare(machine, subject, config, scene);
        work.start();
        if (work.witnesses().isEmpty()) {
            return 0;
        }
        boolean visible = work.witnesses().stream().anyMatch(witness -> work.entry(witness) != null);
        boolean pasid = work.witnesses().stream().anyMatch(witness -> witness.pasid() != DmaAccess.NO_PASID);
        return THROUGH + (visible ? VISIBLE : 0) + (pasid ? WITH_PASID : 0);
    }
}
